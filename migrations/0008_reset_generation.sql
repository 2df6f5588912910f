-- A reset to the very place that a subscription is stored at, told from no reset at all. Runs in one transaction with search_path set
-- to the schema.

ALTER TABLE subscriptions ADD COLUMN reset_generation bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN subscriptions.reset_generation IS 'The generation that the last reset made: progress of a worker of an earlier one is of another place, and is not written.';
