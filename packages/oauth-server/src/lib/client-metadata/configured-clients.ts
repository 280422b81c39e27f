import { invalidConfiguration, isRefusal, sha256 } from '@mcp-gateway/core/internal'
import type { Client } from '../store/client.js'
import { acceptedMetadata } from './accepted-metadata.js'
import type { RedirectUriRules } from './redirect-uri-rules.js'
import { parseRegistrationRequest, type RegistrationRequest } from './registration-request.js'

/** A client that is known beforehand: what it would register, and the id and secret it has. */
export interface ConfiguredClient extends RegistrationRequest {
  readonly client_id: string
  /** Absent for public clients and for `private_key_jwt`. At least 16 characters. */
  readonly client_secret?: string
}

/** Checks configured clients; secrets are hashed before the first use and forgotten. */
export function readConfiguredClients(
  clients: readonly ConfiguredClient[],
  rules: RedirectUriRules,
): ReadonlyMap<string, () => Promise<Client>> {
  return new Map(
    clients.map(({ client_id: clientId, client_secret: secret, ...asked }) => {
      const { metadata } = check(clientId, asked, rules, secret)
      const client = Promise.resolve(secret === undefined ? undefined : sha256(secret)).then(
        (secretHash): Client => ({
          clientId,
          source: 'configured',
          metadata,
          ...(secretHash !== undefined && { secretHash }),
          methodChosen: asked.token_endpoint_auth_method !== undefined,
          issuedAt: 0,
        }),
      )
      return [clientId, () => client]
    }),
  )
}

function check(clientId: string, asked: RegistrationRequest, rules: RedirectUriRules, secret: string | undefined) {
  const fail = (message: string): never => {
    throw invalidConfiguration(`The client ${clientId} in \`clients\`: ${message}`)
  }
  try {
    const method = secret === undefined ? 'none' : 'client_secret_basic'
    const accepted = acceptedMetadata(parseRegistrationRequest(asked), { ...rules, hosts: undefined }, method)
    const needsSecret = accepted.metadata.token_endpoint_auth_method.startsWith('client_secret_')
    if (needsSecret !== (secret !== undefined)) fail('client_secret and token_endpoint_auth_method do not fit')
    if (secret !== undefined && secret.length < 16) fail('client_secret must have at least 16 characters')
    const [rejected] = accepted.rejected
    if (rejected) fail(`the redirect URI ${rejected.redirect_uri} ${rejected.reason}`)
    return accepted
  } catch (error) {
    if (isRefusal(error)) return fail(error.description)
    throw error
  }
}
