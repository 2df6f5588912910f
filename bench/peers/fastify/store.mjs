// What is written for one webhook: one prepared statement, one round trip, one commit.
import pg from 'pg';

const insert = {
  name: 'insert',
  text: `INSERT INTO deliveries (source, remote_addr, content_type, event, call_id, body)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
};

// A repeated delivery inserts nothing, and so changes no call and makes no event.
const upsert = {
  name: 'upsert',
  text: `WITH delivery AS (
           INSERT INTO deliveries (source, remote_addr, content_type, event, call_id, body)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING source, event, call_id
         ), call AS (
           INSERT INTO calls (source, id, phone, record) SELECT source, call_id, $7, $8::jsonb FROM delivery
           ON CONFLICT (source, id) DO UPDATE
           SET record = calls.record || excluded.record, phone = excluded.phone, updated_at = now() RETURNING record
         )
         INSERT INTO events (type, source, call_id, data) SELECT event, source, call_id, record FROM delivery, call`,
};

// Where and as whom: the environment's PGHOST, PGUSER and PGDATABASE.
export function openStore({ mode, connections }) {
  const pool = new pg.Pool({ max: connections });
  return {
    async keep({ source, address, contentType, call, raw }) {
      const values = [source, address, contentType, call.event, call.id, raw];
      if (mode === 'upsert') await pool.query({ ...upsert, values: [...values, call.to, JSON.stringify(call)] });
      else await pool.query({ ...insert, values });
    },
    async ready() {
      await pool.query('SELECT 1');
    },
    close: () => pool.end(),
  };
}
