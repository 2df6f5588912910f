// Node-RED without its editor. PostgreSQL is reached by node-postgres, given to the function node: the nodes for it that npm has
// rest on a node-postgres of before Node.js 14 and do not connect.
const pg = require('pg');

module.exports = {
  uiHost: '127.0.0.1',
  uiPort: Number(process.env.PORT),
  httpAdminRoot: false,
  flowFile: 'flows.json',
  credentialSecret: false,
  telemetry: { enabled: false, updateNotification: false },
  externalModules: { autoInstall: false, palette: { allowInstall: false }, modules: { allowInstall: false } },
  logging: { console: { level: 'warn', metrics: false, audit: false } },
  functionGlobalContext: {
    secret: process.env.SECRET,
    // Where and as whom: the environment's PGHOST, PGUSER and PGDATABASE.
    pool: new pg.Pool({ max: Number(process.env.POOL) }),
  },
};
