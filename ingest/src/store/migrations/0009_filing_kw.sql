-- An order that limits the load says to how much.
ALTER TABLE filing ADD COLUMN kw int4;
COMMENT ON COLUMN filing.kw IS 'Of an order that limits the load (limit_order): kW';
COMMENT ON TABLE filing IS 'Filings (报备) of work and stops, permits and orders';
