// POST /hooks/:source/:secret: answers 200 once what came is committed. MODE is `insert` (the default) or `upsert`.
import { createHash, timingSafeEqual } from 'node:crypto';
import Fastify from 'fastify';
import { openStore } from './store.mjs';

const { SECRET, PORT, MODE = 'insert', POOL = '10' } = process.env;
const digest = (text) => createHash('sha256').update(text).digest();
const secret = digest(SECRET);
const store = openStore({ mode: MODE, connections: Number(POOL) });
const app = Fastify({ logger: false, bodyLimit: 1048576 });

app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, raw, done) => {
  try {
    const parsed = JSON.parse(raw);
    request.raw.bytes = raw;
    done(null, parsed);
  } catch {
    done(Object.assign(new Error('not JSON'), { statusCode: 400 }));
  }
});

const call = {
  type: 'object',
  required: ['event', 'id'],
  properties: { event: { type: 'string' }, id: { type: 'integer' }, to: { type: ['string', 'null'] } },
};
const schema = {
  body: { type: 'object', required: ['data'], properties: { data: call } },
  response: { 200: { type: 'object', properties: { status: { type: 'string' } } } },
};

app.post('/hooks/:source/:secret', {
  schema,
  onRequest: async (request, reply) => {
    if (!timingSafeEqual(digest(request.params.secret), secret)) return reply.code(404).send({ error: 'not found' });
  },
}, async (request) => {
  await store.keep({
    source: request.params.source,
    address: request.ip,
    contentType: request.headers['content-type'],
    call: request.body.data,
    raw: request.raw.bytes,
  });
  return { status: 'accepted' };
});

process.on('SIGTERM', async () => {
  await app.close();
  await store.close();
});
await store.ready();
await app.listen({ port: Number(PORT), host: '127.0.0.1' });
