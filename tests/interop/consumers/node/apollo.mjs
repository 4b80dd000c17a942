// Subscribes with Apollo Client, and prints its result for each event: node apollo.mjs URL.

import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client'

const [, , uri] = process.argv
const client = new ApolloClient({ link: new HttpLink({ uri }), cache: new InMemoryCache() })
client.subscribe({ query: gql`subscription { online }` }).subscribe({
  next: ({ data, error }) => console.log(error ? String(error) : JSON.stringify(data)),
  error: (error) => console.log(`error: ${error}`),
  complete: () => console.log('complete'),
})
