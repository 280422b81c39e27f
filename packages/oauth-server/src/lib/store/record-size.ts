import { Refusal } from '@mcp-gateway/core/internal'
import type { Client } from './client.js'

/** The most that a client may take in the store, in bytes of JSON; what is stored beside it makes 4 KB at most. */
const largest = 3584

const encoder = new TextEncoder()

/** @returns what a value takes in the store, in bytes of JSON */
export function storedSize(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length
}

/**
 * Checks that a client that a stranger described fits a record: what anybody may leave behind has to be small.
 *
 * @throws {Refusal} `invalid_client_metadata`, naming the member that takes most
 */
export function checkRecordSize(client: Client): void {
  const size = storedSize(client)
  if (size <= largest) return
  const members = Object.entries(client.metadata).map(([name, value]) => ({ name, size: storedSize(value) }))
  const [first] = members.sort((a, b) => b.size - a.size)
  throw new Refusal(
    400,
    'invalid_client_metadata',
    `${first?.name} takes ${first?.size} bytes; the client takes ${size} in all, of which ${largest} are allowed`,
  )
}
