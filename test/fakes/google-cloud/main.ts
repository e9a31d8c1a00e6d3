/** The fake as a process of its own: `node main.ts PORT`, on loopback. */
import { createGoogleCloud } from './server.ts';

const port = Number(process.argv[2] ?? 0);
const server = createGoogleCloud(`http://127.0.0.1:${port}`);
server.keepAliveTimeout = 60_000;
server.listen(port, '127.0.0.1');
