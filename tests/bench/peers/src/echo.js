// SPDX-License-Identifier: MIT

// One thread and its event loop, as the documentation of Node writes an echo server.
'use strict';

const net = require('node:net');

const server = net.createServer({ noDelay: true }, (client) => {
  client.on('error', () => client.destroy());
  client.pipe(client);
});
server.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 65535 });
