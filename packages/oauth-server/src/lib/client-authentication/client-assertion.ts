import type { Context } from '@mcp-gateway/core'
import { hasUsualSize, isCompact } from '@mcp-gateway/core/internal'
import { createLocalJWKSet, decodeProtectedHeader, errors, type JSONWebKeySet, jwtVerify } from 'jose'
import { assertionAlgorithms } from '../client-metadata/auth-methods.js'
import type { Server } from '../server/server.js'
import type { Client } from '../store/client.js'

/** The value of `client_assertion_type` (RFC 7523 section 2.2). */
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const longest = 3600
const tolerance = 30

/** A client assertion that proves who sends it. */
export interface FittingAssertion {
  /** Uses it up, once over all replicas; says whether nobody did before. What is not used up leaves no record. */
  use(): Promise<boolean>
}

/**
 * Reads a client assertion that proves that this client sent the request (RFC 7523 section 3): signed with one of its keys, by
 * and about itself, for this issuer, for an hour at most, and not used before.
 */
export async function readAssertion(
  server: Server,
  client: Client,
  assertion: string,
  context: Context,
): Promise<FittingAssertion | undefined> {
  if (client.metadata.token_endpoint_auth_method !== 'private_key_jwt') return undefined
  const { issuer } = server.settings
  if (!isCompact(assertion)) return undefined
  try {
    const { kid } = decodeProtectedHeader(assertion)
    const keys = createLocalJWKSet(usual(await clientKeys(server, client, kid, context)))
    const { payload } = await jwtVerify(assertion, keys, {
      algorithms: [...assertionAlgorithms],
      issuer: client.clientId,
      subject: client.clientId,
      requiredClaims: ['exp', 'jti', 'aud'],
      clockTolerance: tolerance,
      currentDate: new Date(server.clock() * 1000),
    })
    // The issuer is what newer clients name, the endpoint what older ones do; nobody else may be named with us.
    const audience = Array.isArray(payload.aud) && payload.aud.length === 1 ? payload.aud[0] : payload.aud
    if (audience !== issuer && audience !== `${issuer}/token`) return undefined
    const left = (payload.exp as number) - server.clock()
    if (left > longest || typeof payload.jti !== 'string') return undefined
    const key = await server.keys('jti', JSON.stringify([client.clientId, payload.jti]))
    if ((await server.storage.get(key)) !== undefined) return undefined
    return { use: () => server.storage.add(key, '', { ttl: left + 2 * tolerance }) }
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
    // A key that WebCrypto cannot import, such as a point that is not on its curve
    if (Object.prototype.toString.call(error) === '[object DOMException]') return undefined
    throw error
  }
}

async function clientKeys(
  server: Server,
  { source, metadata, usedAt }: Client,
  kid: unknown,
  context: Context,
): Promise<JSONWebKeySet> {
  if (metadata.jwks) return metadata.jwks
  const vouched = source === 'configured' || usedAt !== undefined
  return metadata.jwks_uri ? server.clientKeySets(metadata.jwks_uri, kid, { context, vouched }) : { keys: [] }
}

/** RFC 7517 section 5: keys that are out of range are ignored. The client chose them, and what checking them costs. */
function usual({ keys }: JSONWebKeySet): JSONWebKeySet {
  return { keys: keys.filter((key) => hasUsualSize(key)) }
}
