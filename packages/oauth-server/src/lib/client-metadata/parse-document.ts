import { Refusal, sha256 } from '@mcp-gateway/core/internal'
import type { Client } from '../store/client.js'
import { checkRecordSize } from '../store/record-size.js'
import { acceptedMetadata } from './accepted-metadata.js'
import type { RedirectUriRules } from './redirect-uri-rules.js'
import { parseRegistrationRequest } from './registration-request.js'

/**
 * Reads a client metadata document: `client_id` is its own address, `client_name` and `redirect_uris` are there, and
 * there is no shared secret in it or asked for. What nobody asks for here, such as the address of a logo, is left out.
 *
 * @throws {Refusal} for a document that describes no client; its description says what is wrong, not with which document
 */
export async function parseDocument(url: string, text: string, rules: RedirectUriRules): Promise<Client> {
  let document: Record<string, unknown>
  try {
    document = JSON.parse(text) as Record<string, unknown>
  } catch {
    throw faulty('it is not JSON')
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw faulty('it is not a JSON object')
  if (document.client_id !== url) throw faulty('its client_id is not its own address')
  if ('client_secret' in document || 'client_secret_expires_at' in document) throw faulty('it holds a client secret')
  const asked = parseRegistrationRequest(document)
  if (!asked.client_name) throw faulty('client_name is missing or empty')
  const supported = document.token_endpoint_auth_methods_supported
  const method = chooseMethod(asked.token_endpoint_auth_method, Array.isArray(supported) ? supported : [], asked)
  const { metadata } = acceptedMetadata({ ...asked, token_endpoint_auth_method: method }, rules, 'none')
  const { redirect_uris, client_name, grant_types, response_types, token_endpoint_auth_method, jwks, jwks_uri } =
    metadata
  const client: Client = {
    clientId: url,
    source: 'document',
    metadata: {
      redirect_uris,
      ...(client_name !== undefined && { client_name }),
      grant_types,
      response_types,
      token_endpoint_auth_method,
      ...(jwks !== undefined && { jwks }),
      ...(jwks_uri !== undefined && { jwks_uri }),
    },
    methodChosen: true,
    issuedAt: 0,
    documentHash: await sha256(text),
  }
  checkRecordSize(client)
  return client
}

/** A document may offer several methods; a proof of possession is worth more than none. */
function chooseMethod(
  method: string | undefined,
  supported: readonly unknown[],
  keys: { jwks?: unknown; jwks_uri?: unknown },
): string {
  const chosen =
    method ?? (supported.includes('private_key_jwt') && (keys.jwks || keys.jwks_uri) ? 'private_key_jwt' : 'none')
  if (chosen !== 'none' && chosen !== 'private_key_jwt')
    throw faulty(`token_endpoint_auth_method must be none or private_key_jwt, not ${chosen.slice(0, 100)}`)
  return chosen
}

function faulty(what: string): Refusal {
  return new Refusal(400, 'invalid_client_metadata', what)
}
