// Reads a stream with meros, as urql, Relay and others do, and prints each part: node meros.mjs fetch|get URL.

import { get } from 'node:http'
import { meros as fromFetch } from 'meros/browser'
import { meros as fromNode } from 'meros/node'

const [, , how, url] = process.argv
const parts =
  how === 'fetch'
    ? await fromFetch(await fetch(url, { headers: { accept: 'multipart/mixed' } }))
    : await fromNode(await new Promise((resolve) => get(url, resolve)))
for await (const { json, body } of parts) console.log(json ? JSON.stringify(body) : `no JSON: ${body}`)
console.log('complete')
