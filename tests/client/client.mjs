// The module under test: the sources, or with CLIENT_JS=.min the minified files without their first line, as they are served.
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';

const suffix = process.env.CLIENT_JS ?? '';
const read = async name => {
  const source = await readFile(new URL(`../../src/serve/page/${name}${suffix}.js`, import.meta.url), 'utf8');
  return suffix ? source.slice(source.indexOf('\n') + 1) : source;
};
export const address = source => 'data:text/javascript,' + encodeURIComponent(source);
export const source = await read('client');
export const more = { html: await read('client_html'), wall: await read('client_wall') };

// Serves what it imports, as the endpoint does.
const addresses = Object.fromEntries(Object.entries(more).map(([name, source]) => [name, address(source)]));
const hooks = `
  const addresses = ${JSON.stringify(addresses)};
  export async function resolve(specifier, context, next) {
    const name = /client=(html|wall)&*$/.exec(specifier)?.[1];
    return name ? { url: addresses[name], shortCircuit: true } : next(specifier, context);
  }`;
register(address(hooks));
export const { parts, show, watch } = await import(address(source));
