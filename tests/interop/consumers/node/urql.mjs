// Subscribes with urql, and prints its result for each event: node urql.mjs URL.

import { Client, fetchExchange, gql } from '@urql/core'
import { onEnd, pipe, subscribe } from 'wonka'

const [, , url] = process.argv
const client = new Client({ url, exchanges: [fetchExchange], fetchSubscriptions: true, preferGetMethod: false })
pipe(
  client.subscription(gql`subscription { online }`, {}),
  onEnd(() => console.log('complete')),
  subscribe(({ data, error }) => console.log(error ? `error: ${error}` : JSON.stringify(data))),
)
