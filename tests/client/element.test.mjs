// The element, in as much of a page as it looks at.
import test from 'node:test';
import assert from 'node:assert/strict';
import { opening, part, server, sleep, until } from './server.mjs';

let Element;
globalThis.HTMLElement = class extends EventTarget {
  isConnected = true;
  dataset = {};
  childNodes = [];
  attributes = [];
  getAttribute(name) { return this.attributes.find(attribute => attribute.name === name)?.value ?? null; }
  setAttribute(name, value) {
    this.attributes = [...this.attributes.filter(attribute => attribute.name !== name), { name, value: `${value}` }];
  }
  matches() { return false; }
  querySelector() { return null; }
  prepend() {}
  replaceChildren() {}
};
globalThis.customElements = { define: (name, element) => Element = element };
const page = globalThis.document = Object.assign(new EventTarget(), {
  hidden: false, documentElement: { lang: 'en_US' }, made: [],
  querySelector: selector => selector ? page.place : null,
  createElement(tag) {
    const element = { tag };
    page.made.push(element);
    return element;
  },
});
globalThis.requestAnimationFrame = done => setTimeout(done, 16);
globalThis.matchMedia = () => ({ matches: false });
// Node has it from 19 on, and browsers do.
globalThis.CustomEvent ??= class extends Event {
  constructor(type, { detail, ...init } = {}) {
    super(type, init);
    this.detail = detail;
  }
};
await import('./client.mjs');

const shown = async (attributes, body) => {
  const site = await server(socket => socket.write(Buffer.concat([opening, part('on')]))), element = new Element();
  page.baseURI = site.url;
  for (const [name, value] of Object.entries({ src: site.url, background: '', ...attributes })) element.setAttribute(name, value);
  element.connectedCallback();
  try {
    await body(element, site);
  } finally {
    element.disconnectedCallback();
    site.close();
  }
};

test('a language that the page names in a wrong way keeps no age back', async () => {
  for (const lang of ['en_US', '*', 'de']) {
    page.documentElement.lang = lang;
    page.made = [];
    await shown({ 'show-age': '' }, async element => {
      await until(() => element.getAttribute('state') === 'live');
      await until(() => page.made.some(({ tag, textContent }) => tag === 'small' && /^(in |vor )?0 /.test(textContent) || /ago$/.test(textContent)));
      assert.match(element.getAttribute('age'), /^\d$/);
    });
  }
});

test('an element that is moved keeps its stream', () => shown({}, async (element, site) => {
  await until(() => element.getAttribute('state') === 'live');
  const { stream } = element;
  // As `moveBefore` does.
  if (element.connectedMoveCallback) element.connectedMoveCallback();
  else {
    element.disconnectedCallback();
    element.connectedCallback();
  }
  await until(() => element.getAttribute('state') === 'live');
  assert.deepEqual([element.stream === stream, site.requests], [true, 1]);
}));

test('an element with `background` closes its connection when it is removed', () => shown({}, async (element, site) => {
  await until(() => element.getAttribute('state') === 'live');
  element.disconnectedCallback();
  await until(() => site.sockets.size === 0);
  assert.equal(element.getAttribute('state'), 'ended');
}));

test('equal `headers` change nothing, and others reconnect', () => shown({}, async (element, site) => {
  const token = async () => ({ 'x-token': 'c' });
  await until(() => element.getAttribute('state') === 'live');
  for (const [headers, requests] of [
    [{}, 1], [undefined, 1], [null, 1],
    [{ 'x-token': 'a' }, 2], [{ 'X-Token': 'a' }, 2], [[['x-token', 'a']], 2], [new Headers({ 'x-token': 'a' }), 2],
    [{ 'x-token': 'b' }, 3], [token, 4], [token, 4], [async () => ({ 'x-token': 'c' }), 5], [null, 6],
  ]) {
    element.headers = headers;
    await sleep(50);
    await until(() => element.getAttribute('state') === 'live');
    assert.equal(site.requests, requests, `${headers}`);
  }
}));

test('a page that was opened with a login in its address is live', async () => {
  for (const src of ['/live', 'live', undefined]) await shown({}, async (element, site) => {
    const address = site.url.replace('//', '//ada:a%40b@');
    page.baseURI = address;
    element.setAttribute('src', src ?? `${address}live`);
    element.disconnectedCallback();
    element.connectedCallback();
    await until(() => element.getAttribute('state') === 'live');
  });
});
