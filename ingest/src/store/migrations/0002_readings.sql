-- The readings: native daily partitions, or a hypertable where TimescaleDB is there. This file and capability.rs are
-- the only places that know the difference.

DO $tier$
BEGIN
    CREATE TABLE public.reading_columns (
        point       int4 NOT NULL,
        event_time  timestamptz NOT NULL,
        value       float8 NOT NULL,
        quality     int2 NOT NULL,
        -- As the device sent it, believed or not; null when it sent none.
        device_time timestamptz,
        received    timestamptz NOT NULL,
        -- 1 no device time, 2 device time not believed, 4 not judged.
        flags       int2 NOT NULL
    );
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        CREATE TABLE public.reading (LIKE public.reading_columns);
        PERFORM create_hypertable('public.reading', 'event_time',
            chunk_time_interval => interval '1 day', create_default_indexes => false);
    ELSE
        CREATE TABLE public.reading (LIKE public.reading_columns) PARTITION BY RANGE (event_time);
    END IF;
    DROP TABLE public.reading_columns;
END
$tier$;

-- No unique index and no b-tree on every row: they cost a factor of three in COPY, and the fold already knows which
-- rows are new. BRIN costs next to nothing and lets a query with time bounds skip all pages of other times, because
-- rows arrive nearly in the order of their time.
CREATE INDEX reading_time ON public.reading USING brin (event_time) WITH (pages_per_range = 32, autosummarize = on);

-- Rows whose device time was not believed lie at their receive time. The late path must find them by the device's
-- time; they are few, so this index stays small. (A list of values, because the statistics say how rare those
-- are; of `flags & 2` the planner knows nothing.)
CREATE INDEX reading_unbelieved ON public.reading (point, device_time) WHERE flags IN (2, 3, 6, 7);

CREATE FUNCTION public.davy_ensure_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    part text := 'reading_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF day IS NULL OR day < DATE '1970-01-01' OR day > DATE '2199-12-31' THEN
        RAISE EXCEPTION 'no readings are kept for day %', day USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- A hypertable makes its chunks itself.
    IF NOT EXISTS (SELECT FROM pg_class WHERE oid = 'public.reading'::regclass AND relkind = 'p') THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(4918270330);
    IF to_regclass('public.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Made apart and attached: attaching lets readers of the other days go on, CREATE .. PARTITION OF would not.
    EXECUTE format('CREATE TABLE public.%I (LIKE public.reading INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
    EXECUTE format('ALTER TABLE public.reading ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        part, day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
END
$body$;
REVOKE ALL ON FUNCTION public.davy_ensure_day(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.davy_ensure_day(date) TO davy_writer;

-- A page of readings is skipped by BRIN only once it is summarized. Autovacuum does that within a minute; the late
-- path asks for it when it knows of many new rows.
CREATE FUNCTION public.davy_summarize(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    part regclass := to_regclass('public.reading_' || to_char(day, 'YYYYMMDD'));
    brin regclass;
BEGIN
    FOR brin IN
        SELECT i.indexrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
        WHERE i.indrelid = part AND a.amname = 'brin'
    LOOP
        PERFORM brin_summarize_new_values(brin);
    END LOOP;
END
$body$;
REVOKE ALL ON FUNCTION public.davy_summarize(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.davy_summarize(date) TO davy_writer;

-- For outside judges and spreadsheets. Booleans are 0 and 1; quality 0 good, 1 uncertain, 2 bad.
CREATE VIEW public.readings_v AS
SELECT p.enterprise, p.point, r.device_time, r.event_time, r.received, r.value, r.quality
FROM public.reading r JOIN public.point p ON p.id = r.point;

GRANT SELECT, INSERT ON public.reading TO davy_writer;
GRANT SELECT ON public.reading, public.readings_v TO davy_read;
GRANT SELECT ON public.readings_v TO davy_writer;
