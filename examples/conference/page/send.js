// One participant: joins, sends what a source draws, leaves.

// Over HTTP/2 Chromium sends a body while it is being made. Who does not know `duplex` does not ask for it, and would send
// the words "[object ReadableStream]" as text.
export function sendsStreams(protocol) {
  let asked = false;
  const body = new ReadableStream();
  const request = new Request('/', { method: 'POST', body, get duplex() { return asked = true, 'half'; } });
  return protocol === 'h2' && asked && !request.headers.has('content-type');
}

const PERIOD = 100, QUALITY = 0.75;

export class Participant {
  #name; #source; #hooks; #token; #over = new AbortController(); #clock = clock(PERIOD);

  // Hooks: joined(id), sent(bytes), problem(sentence or ''), wanted() whether anybody looks; `streams` if sendsStreams.
  constructor(name, source, hooks) {
    [this.#name, this.#source, this.#hooks] = [name, source, hooks];
  }

  async join() {
    const response = await ask('/people', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: this.#name }),
    });
    ({ id: this.id, token: this.#token } = await response.json());
    this.#hooks.joined(this.id);
  }

  // Until it leaves, whatever happens on the way.
  async send() {
    let { streams } = this.#hooks;
    while (!this.#over.signal.aborted) {
      const began = Date.now();
      try {
        await (streams ? this.#stream() : this.#one());
        this.#hooks.problem('');
      } catch (error) {
        if (this.#over.signal.aborted) return;
        // Something on the way does not carry a stream; one picture at a time goes everywhere.
        if (streams && !error.status) streams = Date.now() - began > 5000;
        else if (await this.#recover(error)) streams = this.#hooks.streams;
      }
    }
  }

  leave() {
    this.#over.abort();
    this.#clock.stop();
    this.#source.stop();
    // The page may be about to go.
    if (this.#token) fetch(this.#url, { method: 'DELETE', headers: this.#headers(), keepalive: true }).catch(() => {});
  }

  get #url() { return '/people/' + this.id; }

  #headers(type) { return { authorization: 'Bearer ' + this.#token, ...type && { 'content-type': type } }; }

  #post(type, body, more) {
    return ask(this.#url, { method: 'POST', headers: this.#headers(type), body, signal: this.#over.signal, ...more });
  }

  // When the next one is due. Nobody needs many pictures that nobody sees; a few say that one is still here.
  async #picture() {
    for (let ticks = 0; ticks === 0 || ticks < 15 && !this.#hooks.wanted(); ticks++) await this.#clock.tick();
    this.#source.draw();
    return new Promise(done => this.#source.canvas.toBlob(done, 'image/jpeg', QUALITY));
  }

  // The next picture is drawn when this one has arrived, so nothing queues up on the way.
  async #one() {
    const picture = await this.#picture();
    await this.#post('image/jpeg', picture);
    this.#hooks.sent(picture.size);
  }

  async #stream() {
    const boundary = crypto.randomUUID().replaceAll('-', '');
    const pull = async controller => {
      const picture = await this.#picture();
      const part = [`--${boundary}\r\nContent-Type: image/jpeg\r\nContent-Length: ${picture.size}\r\n\r\n`, picture, '\r\n'];
      controller.enqueue(new Uint8Array(await new Blob(part).arrayBuffer()));
      this.#hooks.problem('');
      this.#hooks.sent(picture.size);
    };
    const body = new ReadableStream({ pull }, { highWaterMark: 0 });
    await this.#post('multipart/x-mixed-replace; boundary=' + boundary, body, { duplex: 'half' });
  }

  // Whether it has joined anew.
  async #recover(error) {
    // The server was started anew, or has not heard from us for a while.
    const lost = [401, 403, 404].includes(error.status);
    if (!lost) this.#hooks.problem(error.status ? error.message : 'The server does not answer. Your pictures go on as soon as it is back.');
    try {
      if (lost) return await this.join(), true;
    } catch (again) {
      error = again;
      this.#hooks.problem(again.status ? again.message : 'The server does not answer.');
    }
    await new Promise(done => setTimeout(done, 1000 * (error.wait || 1)));
  }
}

// A response that went well; an error has the sentence that the server says, and the seconds that it asks to wait.
async function ask(url, options) {
  const response = await fetch(url, options);
  if (response.ok) return response;
  const { status, headers } = response;
  throw Object.assign(Error(await response.text()), { status, wait: +headers.get('retry-after') });
}

// Ticks evenly in a hidden tab too, whose own timers a browser slows down to one a second or less.
function clock(period) {
  const worker = new Worker(URL.createObjectURL(new Blob([`setInterval(() => postMessage(0), ${period})`])));
  let wake = () => {};
  worker.onmessage = () => wake();
  return { tick: () => new Promise(done => wake = done), stop: () => worker.terminate() };
}
