// The module under test: the source, or the minified file that CLIENT_JS names.
import { readFile } from 'node:fs/promises';

const path = process.env.CLIENT_JS ?? new URL('../../src/serve/page/client.js', import.meta.url);
export const source = await readFile(path, 'utf8');
export const { parts, show, watch } = await import('data:text/javascript,' + encodeURIComponent(source));
