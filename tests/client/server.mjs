// A server that sends given bytes and counts requests.
import net from 'node:net';

export const B = 'ThisRandomString';
export const TYPE = `multipart/mixed; boundary=${B}`;
const HEAD = `HTTP/1.1 200 OK\r\nContent-Type: ${TYPE}\r\nConnection: close\r\n\r\n`;

// The bytes of the script wire for each part.
export const part = (body, type = 'text/plain; charset=utf-8') => {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(`\r\nContent-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n\r\n`), bytes, Buffer.from(`\r\n--${B}`)]);
};
export const wire = (...bodies) => Buffer.concat([Buffer.from(`--${B}`), ...bodies.map(body => part(body)), Buffer.from('--\r\n')]);
export const head = Buffer.from(HEAD);
export const opening = Buffer.from(`${HEAD}--${B}`);

// `answer(socket, number)` is called for each request.
export async function server(answer) {
  const sockets = new Set();
  let requests = 0;
  const server = net.createServer(socket => {
    sockets.add(socket.setNoDelay());
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    socket.once('data', request => answer(socket, ++requests, String(request)));
  });
  await new Promise(done => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}/`, port, sockets,
    get requests() { return requests; },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

export const sleep = ms => new Promise(done => setTimeout(done, ms));

// Waits until the condition holds.
export async function until(holds, ms = 20_000) {
  for (const end = Date.now() + ms; !holds(); await sleep(5)) if (Date.now() > end) throw Error(`not after ${ms} ms: ${holds}`);
}
