// Reads a stream with Relay's reader, and prints each part: node relay.mjs URL.

import relay from 'fetch-multipart-graphql'

const [, , url] = process.argv
relay.default(url, {
  headers: { accept: 'multipart/mixed' },
  onNext: (parts) => parts.forEach((part) => console.log(JSON.stringify(part))),
  onError: (error) => console.log(`error: ${error}`),
  onComplete: () => console.log('complete'),
})
