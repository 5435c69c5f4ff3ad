//! `davy-bench naive`: what one would write first, and well: MQTT 5 with manual acknowledgements, typed JSON, batches
//! into one table with a unique key, acknowledged after the commit. No rules, no journal. It shares no code with Davy
//! but the reading of the clock, and gets every courtesy: prepared statements, columns instead of rows, points known
//! beforehand, reading and writing at the same time, a window as large as Davy's. I/O.

use crate::district::District;
use anyhow::{Context, anyhow, bail};
use clap::Args;
use ingest::clock::{Stopwatch, wall};
use rumqttc::NetworkOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_postgres::{Client, NoTls, Statement};

#[derive(Debug, Args)]
pub struct NaiveArgs {
    #[arg(long)]
    mqtt_port: u16,
    #[arg(long)]
    pg_port: u16,
    #[arg(long)]
    dbname: String,
    /// The points there are.
    #[arg(long, value_name = "FILE")]
    district: PathBuf,
    /// Davy's own default.
    #[arg(long, default_value_t = 4_096)]
    receive_maximum: u16,
    /// A transaction takes so many rows at most, or what has come within `--batch-ms`.
    #[arg(long, default_value_t = 5_000)]
    batch_rows: usize,
    #[arg(long, default_value_t = 20)]
    batch_ms: u64,
}

/// A line on standard output: how far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Rows of committed batches, those that were there already included.
    pub rows: u64,
    pub commits: u64,
    /// Wall clock at the newest commit, microseconds.
    pub at_us: i64,
    /// Messages that could not be read, and readings of points nobody knows.
    pub refused: u64,
}

#[derive(Deserialize)]
struct Message<'a> {
    ts: i64,
    #[serde(borrow)]
    d: Vec<Element<'a>>,
}

#[derive(Deserialize)]
struct Element<'a> {
    p: &'a str,
    v: f64,
    t: Option<i64>,
    q: Option<&'a str>,
}

/// A message as rows, and what acknowledges it.
struct Parcel {
    publish: Publish,
    rows: Vec<Row>,
    refused: u64,
}

struct Row {
    point: i32,
    time: SystemTime,
    value: f64,
    quality: i16,
}

/// By enterprise, then by point.
type Points = HashMap<String, HashMap<String, i32>>;

/// How often it says how far it is.
const SAY_EVERY_S: f64 = 0.05;

pub fn run(args: &NaiveArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work(args))
}

async fn work(args: &NaiveArgs) -> anyhow::Result<()> {
    let points = numbered(&District::load(&args.district)?);
    let client = database(args).await?;
    let insert = client
        .prepare(
            "INSERT INTO reading (point, time, value, quality) \
             SELECT * FROM unnest($1::int4[], $2::timestamptz[], $3::float8[], $4::int2[]) ON CONFLICT DO NOTHING",
        )
        .await?;
    let (mqtt, events) = broker(args);
    let (parcels, inbox) = channel(args.receive_maximum.into());
    let reader = tokio::spawn(read(events, points, parcels, mqtt.clone()));
    let writer =
        Writer { client, insert, mqtt, inbox, rows: args.batch_rows, wait: Duration::from_millis(args.batch_ms) };
    let (told, end) = tokio::sync::oneshot::channel();
    // The runner ends us by closing our standard input; everything it waits for is committed by then.
    std::thread::spawn(move || told.send(std::io::copy(&mut std::io::stdin(), &mut std::io::sink())));
    tokio::select! {
        ended = reader => ended?,
        ended = writer.run() => ended,
        read = end => read?.map(drop).context("standard input"),
    }
}

fn numbered(district: &District) -> Points {
    let mut next = 0;
    let mut points = Points::new();
    for plant in &district.enterprises {
        let own = points.entry(plant.id.clone()).or_default();
        for point in plant.points.iter().map(|sensor| &sensor.id).chain(&plant.flames) {
            own.insert(point.clone(), next);
            next += 1;
        }
    }
    points
}

async fn database(args: &NaiveArgs) -> anyhow::Result<Client> {
    let address = format!("host=127.0.0.1 port={} user=davy_owner dbname={}", args.pg_port, args.dbname);
    let (client, connection) = tokio_postgres::connect(&address, NoTls).await.context("cannot reach the database")?;
    tokio::spawn(connection);
    client
        .batch_execute(
            "CREATE TABLE reading (point int4 NOT NULL, time timestamptz NOT NULL, value float8 NOT NULL, \
             quality int2 NOT NULL, UNIQUE (point, time))",
        )
        .await?;
    let timescale = "SELECT FROM pg_extension WHERE extname = 'timescaledb'";
    if client.query_opt(timescale, &[]).await?.is_some() {
        let hypertable = "SELECT create_hypertable('reading', 'time', chunk_time_interval => interval '1 day', \
                          create_default_indexes => false)";
        client.execute(hypertable, &[]).await?;
    }
    Ok(client)
}

fn broker(args: &NaiveArgs) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new("naive", "127.0.0.1", args.mqtt_port);
    options.set_keep_alive(Duration::from_secs(15)).set_clean_start(false).set_session_expiry_interval(Some(604_800));
    options.set_manual_acks(true).set_receive_maximum(Some(args.receive_maximum));
    options.set_max_packet_size(Some(1_114_112));
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    // Room for an acknowledgement of every message that may be under way: with a backlog mosquitto 2.0 sends more than
    // the receive maximum.
    AsyncClient::new(options, 200_000)
}

/// Reads the connection; decodes while the other task writes.
async fn read(mut events: EventLoop, points: Points, parcels: Sender<Parcel>, mqtt: AsyncClient) -> anyhow::Result<()> {
    mqtt.subscribe("davy/v1/+/+/json", QoS::AtLeastOnce).await?;
    loop {
        match events.poll().await? {
            Event::Incoming(Packet::Publish(publish)) => {
                let (rows, refused) = decode(&publish, &points);
                parcels.send(Parcel { publish, rows, refused }).await.map_err(|_| anyhow!("the writer has ended"))?;
            }
            Event::Incoming(Packet::SubAck(_)) => println!("\"ready\""),
            // Its place in the session is lost with the connection; a measurement has none to lose.
            Event::Incoming(Packet::Disconnect(farewell)) => bail!("the broker ends it: {farewell:?}"),
            _ => {}
        }
    }
}

/// The rows of a message, and how many of its readings (or the whole message, as one) were refused.
fn decode(publish: &Publish, points: &Points) -> (Vec<Row>, u64) {
    let enterprise = std::str::from_utf8(&publish.topic).ok().and_then(|topic| topic.split('/').nth(2));
    let known = enterprise.and_then(|enterprise| points.get(enterprise));
    let (Some(known), Ok(message)) = (known, serde_json::from_slice::<Message<'_>>(&publish.payload)) else {
        return (Vec::new(), 1);
    };
    let mut refused = 0;
    let mut rows = Vec::with_capacity(message.d.len());
    for element in &message.d {
        let ms = u64::try_from(element.t.unwrap_or(message.ts)).ok();
        match (known.get(element.p), ms) {
            (Some(&point), Some(ms)) => rows.push(Row {
                point,
                time: UNIX_EPOCH + Duration::from_millis(ms),
                value: element.v,
                quality: if element.q == Some("bad") { 2 } else { 0 },
            }),
            _ => refused += 1,
        }
    }
    (rows, refused)
}

struct Writer {
    client: Client,
    insert: Statement,
    mqtt: AsyncClient,
    inbox: Receiver<Parcel>,
    rows: usize,
    wait: Duration,
}

impl Writer {
    async fn run(mut self) -> anyhow::Result<()> {
        let mut standing = Standing::default();
        let mut said = Stopwatch::start();
        loop {
            let batch = self.batch().await?;
            let rows: usize = batch.iter().map(|parcel| parcel.rows.len()).sum();
            if rows > 0 {
                self.commit(&batch, rows).await?;
                standing.commits += 1;
            }
            standing.rows += rows as u64;
            standing.refused += batch.iter().map(|parcel| parcel.refused).sum::<u64>();
            standing.at_us = wall().0;
            for parcel in &batch {
                self.mqtt.try_ack(&parcel.publish).context("no room for an acknowledgement")?;
            }
            if said.seconds() > SAY_EVERY_S || self.inbox.is_empty() {
                println!("{}", serde_json::to_string(&standing)?);
                said = Stopwatch::start();
            }
        }
    }

    /// Waits for a message, then for as many as fill a transaction, but not for long.
    async fn batch(&mut self) -> anyhow::Result<Vec<Parcel>> {
        let first = self.inbox.recv().await.context("the reader has ended")?;
        let mut rows = first.rows.len();
        let mut batch = vec![first];
        let mut over = pin!(tokio::time::sleep(self.wait));
        while rows < self.rows {
            tokio::select! {
                biased;
                parcel = self.inbox.recv() => {
                    let parcel = parcel.context("the reader has ended")?;
                    rows += parcel.rows.len();
                    batch.push(parcel);
                }
                () = &mut over => break,
            }
        }
        Ok(batch)
    }

    /// One statement is one transaction.
    async fn commit(&self, batch: &[Parcel], count: usize) -> anyhow::Result<()> {
        let mut points = Vec::with_capacity(count);
        let mut times = Vec::with_capacity(count);
        let mut values = Vec::with_capacity(count);
        let mut qualities = Vec::with_capacity(count);
        for row in batch.iter().flat_map(|parcel| &parcel.rows) {
            points.push(row.point);
            times.push(row.time);
            values.push(row.value);
            qualities.push(row.quality);
        }
        self.client.execute(&self.insert, &[&points, &times, &values, &qualities]).await?;
        Ok(())
    }
}
