// Makes src/serve/page/client.min.js from src/serve/page/client.js: `node tests/client/minify.mjs`, with npm.
// Its first line, which is not served, has the hash of the source.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = name => fileURLToPath(new URL(`../../src/serve/page/${name}`, import.meta.url));
export const mark = () => `// Made by tests/client/minify.mjs of client.js ${createHash('sha256').update(readFileSync(file('client.js'))).digest('hex')}`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const minified = execFileSync('npx', ['--yes', 'esbuild@0.28.2', '--minify', '--format=esm', '--target=es2022', file('client.js')]);
  writeFileSync(file('client.min.js'), `${mark()}\n${minified}`);
}
