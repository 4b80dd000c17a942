// HTML parts, where the page does not go along.
import test from 'node:test';
import assert from 'node:assert/strict';
import { address, more } from './client.mjs';

const { html } = await import(address(more.html));
const soon = (promise, ms = 50) => Promise.race([promise, new Promise(done => setTimeout(done, ms))]);
const within = (promise, ms = 2000) => Promise.race([promise.then(() => true), new Promise(done => setTimeout(done, ms, false))]);

// As much of a document as `html` looks at. It reads properties from prototypes.
class Node {
  static active;
  constructor(name, id = '', ...nodes) {
    Object.assign(this, { name, key: id, nodes: [] });
    for (const node of nodes) this.insertBefore(node, null);
  }
  get nodeName() { return this.name.toUpperCase(); }
  get localName() { return this.name; }
  get nodeType() { return 1; }
  get id() { return this.key; }
  get childNodes() { return this.nodes; }
  get firstChild() { return this.nodes[0] ?? null; }
  get nextSibling() { return this.parent.nodes[this.parent.nodes.indexOf(this) + 1] ?? null; }
  get ownerDocument() { return document; }
  get attributes() { return Object.assign([], { getNamedItem: () => null }); }
  contains(other) { return this === other; }
  matches(selector) { return selector.split(',').includes(this.name); }
  querySelector(selector) { return this.nodes.find(node => node.matches(selector)) ?? null; }
  querySelectorAll() { return []; }
  remove() { this.parent.nodes = this.parent.nodes.filter(node => node !== this); }
  insertBefore(node, before) {
    if (node.parent) moved.push(node.name), node.remove();
    node.parent = this;
    this.nodes.splice(before ? this.nodes.indexOf(before) : this.nodes.length, 0, node);
    return node;
  }
}
let moved = [], next;
globalThis.document = new class {
  get activeElement() { return null; }
  importNode(node) { return new Node(node.name, node.key); }
  startViewTransition() {
    const never = new Promise(() => {});
    return { ready: never, finished: never, updateCallbackDone: never };
  }
};
globalThis.DOMParser = class {
  parseFromString() {
    return new class {
      get body() { return next; }
      querySelectorAll() { return []; }
    };
  }
};

test('a transition that never comes holds nothing up', async () => {
  next = new Node('body');
  assert.ok(await within(html(new Node('div'), '', { trusted: true, transition: true }, null, soon)));
});

test('a frame whose document has no body yet is left alone', async () => {
  const page = new class {
    get URL() { return 'about:blank'; }
    get documentElement() { return { offsetHeight: 9 }; }
    get body() { return null; }
  };
  const frame = { contentDocument: page, style: {} };
  await html(new Node('div'), '', {}, () => frame, () => {});
  assert.deepEqual(frame.style, {});
});

test('a stream stays where it is while other elements move around it', async () => {
  const streams = [new Node('mixed-replace', 's'), new Node('p', 'a'), new Node('p', 'b')];
  const place = new Node('div', '', ...streams);
  next = new Node('body', '', new Node('p', 'a'), new Node('p', 'b'), new Node('mixed-replace', 's'));
  moved = [];
  await html(place, '', { trusted: true }, null, soon);
  assert.deepEqual([place.nodes.map(({ key }) => key), moved], [['a', 'b', 's'], ['p', 'p']]);
});
