// Makes each `NAME.min.js` in src/serve/page from `NAME.js`: `node tests/client/minify.mjs`, with npm.
// Their first line, which is not served, has the hash of the source.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const NAMES = ['client', 'client_html', 'client_wall', 'send'];
const file = name => fileURLToPath(new URL(`../../src/serve/page/${name}`, import.meta.url));
export const mark = name => `// Made by tests/client/minify.mjs of ${name}.js ${createHash('sha256').update(readFileSync(file(name + '.js'))).digest('hex')}`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of NAMES) {
    const minified = execFileSync('npx', ['--yes', 'terser@5.51.4', file(name + '.js'), '--module', '--compress=passes=3', '--mangle']);
    writeFileSync(file(name + '.min.js'), `${mark(name)}\n${minified}`);
  }
}
