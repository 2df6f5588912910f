-- Where a webhook's sender said which trace it is part of. Runs in one transaction with search_path set to the schema.

ALTER TABLE deliveries ADD COLUMN traceparent text;

COMMENT ON COLUMN deliveries.traceparent IS 'Its field of that name (W3C Trace Context), as version 00; null where there was none, or none that can be read, and where the delivery went through the spool.';
