-- Rollups of 1 minute and 1 hour, and the functions by which the running process, which owns nothing, lets the archive
-- be cared for. On PostgreSQL alone Davy keeps the rollups itself; where TimescaleDB can, they are continuous
-- aggregates of the same names and columns, and `reading` has a columnstore.

-- Whether this TimescaleDB has what Davy uses of it: below 2.18.1 rows could be skipped in silence, and under the
-- Apache licence there is neither columnstore nor continuous aggregate.
CREATE FUNCTION public.davy_can_columnstore() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $body$
    SELECT coalesce(
        (SELECT string_to_array(substring(extversion FROM '^[0-9.]*[0-9]'), '.')::int4[] >= ARRAY[2, 18, 1]
         FROM pg_extension WHERE extname = 'timescaledb')
        AND current_setting('timescaledb.license', true) = 'timescale'
        AND (SELECT relkind = 'r' FROM pg_class WHERE oid = 'public.reading'::regclass), false)
$body$;

-- Run by every `davy migrate`: the extension may have been updated, or got its licence, after the table was made.
-- Ordered by (point, time) without segments: measured smaller and faster by far than segments for each point, and the
-- order gives an index on points all the same.
CREATE FUNCTION public.davy_fit() RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_catalog, pg_temp AS $body$
BEGIN
    IF public.davy_can_columnstore() THEN
        EXECUTE $sql$ALTER TABLE public.reading SET (timescaledb.enable_columnstore = true,
            timescaledb.orderby = 'point, event_time', timescaledb.segmentby = '')$sql$;
    END IF;
END
$body$;
REVOKE ALL ON FUNCTION public.davy_fit() FROM PUBLIC;
SELECT public.davy_fit();

-- Minutes whose rollup is not what the readings say (any more): written with the readings, in the same transaction.
-- No key: two transactions that touch the same minute must not wait for each other.
CREATE TABLE public.rollup_dirty (bucket timestamptz NOT NULL);
-- The same for hours, which are made of minutes.
CREATE TABLE public.rollup_dirty_hour (bucket timestamptz PRIMARY KEY);
-- Readings that went with their age, so that `davy store verify` still adds up.
CREATE TABLE public.retention_drop (
    part text NOT NULL,
    rows int8 NOT NULL,
    at   timestamptz NOT NULL DEFAULT now()
);
-- Closed days that have been compacted, where the catalog does not tell.
CREATE TABLE public.compacted (
    part text PRIMARY KEY,
    at   timestamptz NOT NULL DEFAULT now()
);

-- count: all readings; good_count: quality good; used_count: not bad. Minimum, maximum, sum and last are of those not
-- bad: what a sensor says of itself that it is wrong does not bend a chart, and is seen in the counts.
DO $rollups$
DECLARE
    name text;
BEGIN
    IF public.davy_can_columnstore() THEN
        FOREACH name IN ARRAY ARRAY['1 minute', '1 hour'] LOOP
            EXECUTE format($sql$
                CREATE MATERIALIZED VIEW public.%I
                WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
                SELECT point, time_bucket(interval %L, event_time) AS bucket, count(*) AS count,
                    count(*) FILTER (WHERE quality = 0) AS good_count,
                    count(*) FILTER (WHERE quality < 2) AS used_count,
                    min(value) FILTER (WHERE quality < 2) AS min, max(value) FILTER (WHERE quality < 2) AS max,
                    sum(value) FILTER (WHERE quality < 2) AS sum,
                    last(value, event_time) FILTER (WHERE quality < 2) AS last
                FROM public.reading GROUP BY 1, 2 WITH NO DATA$sql$,
                CASE name WHEN '1 minute' THEN 'reading_1m' ELSE 'reading_1h' END, name);
        END LOOP;
        -- Refreshed by TimescaleDB's own workers: a refresh commits in between, which no function of ours may do.
        PERFORM public.add_continuous_aggregate_policy('public.reading_1m', start_offset => NULL,
            end_offset => interval '2 minutes', schedule_interval => interval '1 minute');
        PERFORM public.add_continuous_aggregate_policy('public.reading_1h', start_offset => NULL,
            end_offset => interval '2 hours', schedule_interval => interval '10 minutes');
    ELSE
        FOREACH name IN ARRAY ARRAY['reading_1m', 'reading_1h'] LOOP
            EXECUTE format($sql$
                CREATE TABLE public.%I (
                    point      int4 NOT NULL,
                    bucket     timestamptz NOT NULL,
                    count      int8 NOT NULL,
                    good_count int8 NOT NULL,
                    used_count int8 NOT NULL,
                    min        float8,
                    max        float8,
                    sum        float8,
                    last       float8,
                    PRIMARY KEY (point, bucket)
                ) PARTITION BY RANGE (bucket)$sql$, name);
        END LOOP;
        -- What is stored already is to be rolled up as well; the caretaker begins with the newest.
        INSERT INTO public.rollup_dirty
        SELECT DISTINCT date_bin(interval '1 minute', event_time, timestamptz '2000-01-01') FROM public.reading;
    END IF;
END
$rollups$;

-- Whether Davy keeps the rollups itself.
CREATE FUNCTION public.davy_keeps_rollups() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $body$
    SELECT relkind = 'p' FROM pg_class WHERE oid = 'public.reading_1m'::regclass
$body$;

-- Rollups have a partition a month (UTC).
CREATE FUNCTION public.davy_ensure_month(parent text, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    month date := date_trunc('month', at AT TIME ZONE 'UTC')::date;
    part text := parent || '_' || to_char(month, 'YYYYMM');
BEGIN
    IF to_regclass('public.' || part) IS NULL THEN
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', part, parent);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', parent, part,
            month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00');
    END IF;
END
$body$;
REVOKE ALL ON FUNCTION public.davy_ensure_month(text, timestamptz) FROM PUBLIC;

-- Makes at most so many dirty minutes right, the newest first; returns how many. The marks go first and the readings
-- are read afterwards, under a newer snapshot: whoever commits in between has left a mark of his own.
CREATE FUNCTION public.davy_rollup(minutes_max int4) RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET timezone = 'UTC'
AS $body$
DECLARE
    minutes timestamptz[];
    piece record;
BEGIN
    IF NOT public.davy_keeps_rollups() THEN
        DELETE FROM public.rollup_dirty;
        RETURN 0;
    END IF;
    -- One at a time: two would only wait for each other's rows.
    PERFORM pg_advisory_xact_lock(4918270331);
    WITH chosen AS (SELECT DISTINCT bucket FROM public.rollup_dirty ORDER BY bucket DESC LIMIT minutes_max),
         gone AS (DELETE FROM public.rollup_dirty d USING chosen c WHERE d.bucket = c.bucket RETURNING d.bucket)
    SELECT array_agg(DISTINCT bucket) INTO minutes FROM gone;
    IF minutes IS NULL THEN
        RETURN 0;
    END IF;
    -- The index on time should know the newest pages: for this, and for whoever asks of a minute that is marked.
    BEGIN
        PERFORM public.davy_summarize(day) FROM (
            SELECT DISTINCT (m AT TIME ZONE 'UTC')::date AS day FROM unnest(minutes) m) days;
    EXCEPTION WHEN lock_not_available THEN
        NULL; -- A vacuum holds the table, and does the same.
    END;
    FOR piece IN
        SELECT min(m) AS since, max(m) + interval '1 minute' AS until FROM unnest(minutes) m
        GROUP BY date_bin(interval '10 minutes', m, timestamptz '2000-01-01') ORDER BY 1
    LOOP
        PERFORM public.davy_ensure_month('reading_1m', piece.since);
        -- Literal bounds, for the planner to leave other days alone.
        EXECUTE format($sql$
            INSERT INTO public.reading_1m AS old (point, bucket, count, good_count, used_count, min, max, sum, last)
            SELECT point, date_bin(interval '1 minute', event_time, timestamptz '2000-01-01'), count(*),
                count(*) FILTER (WHERE quality = 0), count(*) FILTER (WHERE quality < 2),
                min(value) FILTER (WHERE quality < 2), max(value) FILTER (WHERE quality < 2),
                sum(value) FILTER (WHERE quality < 2),
                (array_agg(value ORDER BY event_time DESC, received DESC) FILTER (WHERE quality < 2))[1]
            FROM public.reading WHERE event_time >= %L AND event_time < %L GROUP BY 1, 2
            ON CONFLICT (point, bucket) DO UPDATE SET count = excluded.count, good_count = excluded.good_count,
                used_count = excluded.used_count, min = excluded.min, max = excluded.max, sum = excluded.sum,
                last = excluded.last
            WHERE (old.count, old.good_count, old.used_count, old.min, old.max, old.sum, old.last)
                IS DISTINCT FROM (excluded.count, excluded.good_count, excluded.used_count, excluded.min,
                    excluded.max, excluded.sum, excluded.last)$sql$, piece.since, piece.until);
    END LOOP;
    INSERT INTO public.rollup_dirty_hour
    SELECT DISTINCT date_bin(interval '1 hour', m, timestamptz '2000-01-01') FROM unnest(minutes) m
    ON CONFLICT DO NOTHING;
    RETURN cardinality(minutes);
END
$body$;
REVOKE ALL ON FUNCTION public.davy_rollup(int4) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.davy_rollup(int4) TO davy_writer;

-- Makes at most so many dirty hours right that ended before `closed`; an hour under way is asked of its minutes.
CREATE FUNCTION public.davy_rollup_hours(closed timestamptz, hours_max int4) RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET timezone = 'UTC'
AS $body$
DECLARE
    hour timestamptz;
    made int8 := 0;
BEGIN
    IF NOT public.davy_keeps_rollups() THEN
        RETURN 0;
    END IF;
    -- The same lock as the minutes': none of them changes under the hour.
    PERFORM pg_advisory_xact_lock(4918270331);
    FOR hour IN
        DELETE FROM public.rollup_dirty_hour WHERE bucket IN (
            SELECT bucket FROM public.rollup_dirty_hour WHERE bucket <= closed - interval '1 hour'
            ORDER BY bucket DESC LIMIT hours_max)
        RETURNING bucket
    LOOP
        PERFORM public.davy_ensure_month('reading_1h', hour);
        EXECUTE format($sql$
            INSERT INTO public.reading_1h (point, bucket, count, good_count, used_count, min, max, sum, last)
            SELECT point, %L::timestamptz, sum(count), sum(good_count), sum(used_count), min(min), max(max), sum(sum),
                (array_agg(last ORDER BY bucket DESC) FILTER (WHERE last IS NOT NULL))[1]
            FROM public.reading_1m WHERE bucket >= %L AND bucket < %L GROUP BY point
            ON CONFLICT (point, bucket) DO UPDATE SET count = excluded.count, good_count = excluded.good_count,
                used_count = excluded.used_count, min = excluded.min, max = excluded.max, sum = excluded.sum,
                last = excluded.last$sql$, hour, hour, hour + interval '1 hour');
        made := made + 1;
    END LOOP;
    RETURN made;
END
$body$;
REVOKE ALL ON FUNCTION public.davy_rollup_hours(timestamptz, int4) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.davy_rollup_hours(timestamptz, int4) TO davy_writer;

-- One point's past in buckets of `width` (whole minutes, or whole hours), whoever keeps the rollups and however far
-- they are: what is not rolled up yet is taken from what it is made of. Buckets without readings are absent.
CREATE FUNCTION public.davy_buckets(point_id int4, since timestamptz, until timestamptz, width interval)
RETURNS TABLE (bucket timestamptz, count int8, good_count int8, used_count int8, min float8, max float8, sum float8,
    last float8)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET timezone = 'UTC'
AS $body$
DECLARE
    hourly boolean := extract(epoch FROM width)::int8 % 3600 = 0;
    parts text := '';
BEGIN
    -- Whole buckets, all that are touched.
    since := date_bin(width, since, timestamptz '2000-01-01');
    until := date_bin(width, until - interval '1 microsecond', timestamptz '2000-01-01') + width;
    IF hourly THEN
        parts := $sql$
            SELECT h.bucket, h.bucket AS at, h.count, h.good_count, h.used_count, h.min, h.max, h.sum, h.last
            FROM public.reading_1h h WHERE h.point = %1$L AND h.bucket >= %2$L AND h.bucket < %3$L
                AND h.bucket NOT IN (SELECT stale.bucket FROM stale)
            UNION ALL $sql$;
    END IF;
    parts := parts || $sql$
        SELECT m.bucket, m.bucket AS at, m.count, m.good_count, m.used_count, m.min, m.max, m.sum, m.last
        FROM public.reading_1m m WHERE m.point = %1$L AND m.bucket >= %2$L AND m.bucket < %3$L
            AND NOT EXISTS (SELECT FROM public.rollup_dirty d WHERE d.bucket = m.bucket)$sql$;
    IF hourly THEN
        parts := parts || $sql$
            AND date_bin(interval '1 hour', m.bucket, timestamptz '2000-01-01')
                IN (SELECT stale.bucket FROM stale)$sql$;
    END IF;
    -- Minutes with a mark, from the readings themselves; the bounds keep other days and pages out.
    IF EXISTS (SELECT FROM public.rollup_dirty d WHERE d.bucket >= since AND d.bucket < until) THEN
        parts := parts || $sql$
            UNION ALL
            SELECT date_bin(interval '1 minute', r.event_time, timestamptz '2000-01-01'), r.event_time, 1,
                (r.quality = 0)::int4, (r.quality < 2)::int4, CASE WHEN r.quality < 2 THEN r.value END,
                CASE WHEN r.quality < 2 THEN r.value END, CASE WHEN r.quality < 2 THEN r.value END,
                CASE WHEN r.quality < 2 THEN r.value END
            FROM public.reading r WHERE r.point = %1$L
                AND r.event_time >= (SELECT min(d.bucket) FROM public.rollup_dirty d WHERE d.bucket >= %2$L)
                AND r.event_time >= %2$L AND r.event_time < %3$L
                AND date_bin(interval '1 minute', r.event_time, timestamptz '2000-01-01')
                    IN (SELECT d.bucket FROM public.rollup_dirty d)$sql$;
    END IF;
    -- An hour is stale as soon as one of its minutes is.
    RETURN QUERY EXECUTE format('WITH stale AS MATERIALIZED (
            SELECT d.bucket FROM public.rollup_dirty_hour d
            UNION SELECT date_bin(interval ''1 hour'', d.bucket, timestamptz ''2000-01-01'') FROM public.rollup_dirty d)
        SELECT date_bin(%4$L::interval, p.bucket, timestamptz ''2000-01-01''),
            sum(p.count)::int8, sum(p.good_count)::int8, sum(p.used_count)::int8, min(p.min), max(p.max), sum(p.sum),
            (array_agg(p.last ORDER BY p.at DESC) FILTER (WHERE p.last IS NOT NULL))[1]
        FROM (' || parts || ') p GROUP BY 1 ORDER BY 1', point_id, since, until, width);
END
$body$;
REVOKE ALL ON FUNCTION public.davy_buckets(int4, timestamptz, timestamptz, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.davy_buckets(int4, timestamptz, timestamptz, interval) TO davy_read, davy_writer;

-- Drops the oldest day of readings, or month of rollups, that lies before `cutoff` entirely; null when there is none.
-- One a call: the lock on the whole table is short.
CREATE FUNCTION public.davy_retain(cutoff timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $body$
DECLARE
    part regclass;
    name text;
    gone int8;
    chunk_end timestamptz;
BEGIN
    IF (SELECT relkind = 'p' FROM pg_class WHERE oid = 'public.reading'::regclass) THEN
        SELECT c.oid::regclass INTO part FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.reading'::regclass AND c.relname ~ '^reading_[0-9]{8}$'
            AND to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= cutoff
        ORDER BY c.relname LIMIT 1;
        IF part IS NOT NULL THEN
            name := part::text;
            -- Nothing comes between counting and dropping.
            EXECUTE format('LOCK TABLE %s IN SHARE MODE', part);
            EXECUTE format('SELECT count(*) FROM %s', part) INTO gone;
            EXECUTE format('DROP TABLE %s', part);
        END IF;
    ELSE
        EXECUTE $sql$SELECT format('%I.%I', chunk_schema, chunk_name)::regclass, range_end
            FROM timescaledb_information.chunks
            WHERE hypertable_schema = 'public' AND hypertable_name = 'reading' AND range_end <= $1
            ORDER BY range_end LIMIT 1$sql$ INTO part, chunk_end USING cutoff;
        IF part IS NOT NULL THEN
            name := part::text;
            EXECUTE format('SELECT count(*) FROM %s', part) INTO gone;
            PERFORM public.drop_chunks('public.reading'::regclass, older_than => chunk_end);
        END IF;
    END IF;
    IF part IS NOT NULL THEN
        INSERT INTO public.retention_drop (part, rows) VALUES (name, gone);
        RETURN name;
    END IF;
    IF NOT public.davy_keeps_rollups() THEN
        PERFORM public.drop_chunks('public.reading_1m'::regclass, older_than => cutoff);
        PERFORM public.drop_chunks('public.reading_1h'::regclass, older_than => cutoff);
        RETURN NULL;
    END IF;
    SELECT c.oid::regclass INTO part FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent IN ('public.reading_1m'::regclass, 'public.reading_1h'::regclass)
        AND c.relname ~ '^reading_1[mh]_[0-9]{6}$'
        AND to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month' <= cutoff
    ORDER BY c.relname LIMIT 1;
    IF part IS NOT NULL THEN
        name := part::text;
        EXECUTE format('DROP TABLE %s', part);
    END IF;
    RETURN name;
END
$body$;
REVOKE ALL ON FUNCTION public.davy_retain(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.davy_retain(timestamptz) TO davy_writer;

-- Compacts one day that closed before `closed`; null when there is none. With a columnstore: rows move into it, and
-- what lies there in many small batches is merged, in the same order. Without: the index on time learns of all pages
-- and the planner of all values; rows stay where they are, for they already lie nearly in the order of their time.
CREATE FUNCTION public.davy_compact(closed timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $body$
DECLARE
    part regclass;
    day date;
BEGIN
    IF public.davy_can_columnstore() THEN
        -- Status bits: 1 in the columnstore, 2 not in order, 4 frozen, 8 has new rows beside it.
        EXECUTE $sql$SELECT format('%I.%I', c.schema_name, c.table_name)::regclass
            FROM _timescaledb_catalog.chunk c JOIN timescaledb_information.chunks i
                ON i.chunk_schema = c.schema_name AND i.chunk_name = c.table_name
            WHERE i.hypertable_schema = 'public' AND i.hypertable_name = 'reading' AND i.range_end <= $1
                AND NOT c.dropped AND c.status & 4 = 0 AND (c.status & 1 = 0 OR c.status & 10 <> 0)
            ORDER BY i.range_end DESC LIMIT 1$sql$ INTO part USING closed;
        IF part IS NOT NULL THEN
            EXECUTE format('SELECT public.compress_chunk(%L::regclass, recompress => true)', part);
        END IF;
        RETURN part::text;
    END IF;
    IF (SELECT relkind <> 'p' FROM pg_class WHERE oid = 'public.reading'::regclass) THEN
        RETURN NULL;
    END IF;
    SELECT c.oid::regclass, to_date(right(c.relname, 8), 'YYYYMMDD') INTO part, day
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.reading'::regclass AND c.relname ~ '^reading_[0-9]{8}$'
        AND to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= closed
        AND NOT EXISTS (SELECT FROM public.compacted k WHERE k.part = c.relname)
    ORDER BY c.relname DESC LIMIT 1;
    IF part IS NOT NULL THEN
        PERFORM public.davy_summarize(day);
        EXECUTE format('ANALYZE %s', part);
        INSERT INTO public.compacted (part) VALUES ('reading_' || to_char(day, 'YYYYMMDD')) ON CONFLICT DO NOTHING;
    END IF;
    RETURN part::text;
END
$body$;
REVOKE ALL ON FUNCTION public.davy_compact(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.davy_compact(timestamptz) TO davy_writer;

-- For outside judges and spreadsheets.
CREATE VIEW public.rollup_1m_v AS
SELECT p.enterprise, p.point, r.bucket, r.count, r.good_count, r.used_count, r.min, r.max,
    r.sum / nullif(r.used_count, 0) AS avg, r.last
FROM public.reading_1m r JOIN public.point p ON p.id = r.point;
CREATE VIEW public.rollup_1h_v AS
SELECT p.enterprise, p.point, r.bucket, r.count, r.good_count, r.used_count, r.min, r.max,
    r.sum / nullif(r.used_count, 0) AS avg, r.last
FROM public.reading_1h r JOIN public.point p ON p.id = r.point;

GRANT SELECT ON public.reading_1m, public.reading_1h, public.rollup_1m_v, public.rollup_1h_v, public.rollup_dirty,
    public.rollup_dirty_hour, public.retention_drop, public.compacted TO davy_read, davy_writer;
GRANT INSERT ON public.rollup_dirty TO davy_writer;
