import type { Context } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { Refusal } from '../contract/refusal.js'
import { addressList } from '../http/address-list.js'
import { isNode } from '../runtime/is-node.js'

/**
 * Makes the check that a request came over a connection of a trusted proxy. Only the other end of the socket counts: what
 * `X-Forwarded-For` says is the client's address, not the proxy's.
 *
 * @param where the function that has the option
 * @param trustedProxies addresses and CIDR ranges
 * @returns a function that throws a {@link Refusal} for everybody else
 * @throws {GatewayError} `invalid_configuration` for a list that is empty or has something else in it, and where the runtime
 *   tells no addresses
 */
export function trustedPeers(where: string, trustedProxies: readonly string[]): (context: Context) => void {
  if (trustedProxies.length === 0)
    throw invalidConfiguration(`${where}: trustedProxies is empty; name your reverse proxy`)
  if (!tellsPeers()) {
    throw invalidConfiguration(
      `${where}: this runtime does not tell who is at the other end of a connection, so no proxy can be trusted by its address; use forwardedIdentity`,
    )
  }
  const isTrusted = addressList(trustedProxies, `${where}: trustedProxies`)
  return ({ client }) => {
    if (client?.peer === undefined) {
      throw new Refusal(500, 'misconfigured', 'The server cannot tell who is asking', {
        reason: `${where}: the host tells no address of the other end; mount with toNodeHandler, and listen on a port`,
      })
    }
    if (isTrusted(client.peer)) return
    throw new Refusal(403, 'untrusted_peer', 'This server takes requests from its reverse proxy alone', {
      reason: `${client.peer} is not in trustedProxies of ${where}`,
    })
  }
}

/** Whether a server of this runtime knows the sockets that its requests come from. */
function tellsPeers(): boolean {
  return isNode() || 'Bun' in globalThis || 'Deno' in globalThis
}
