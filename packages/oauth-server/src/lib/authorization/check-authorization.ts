import type { Context } from '@mcp-gateway/core'
import { isRefusal, Refusal } from '@mcp-gateway/core/internal'
import { isRegisteredRedirectUri } from '../client-metadata/redirect-uri.js'
import { redirectUriFault } from '../client-metadata/redirect-uri-rules.js'
import type { Parameters } from '../http/form.js'
import type { Server } from '../server/server.js'
import type { AuthorizationRequest } from '../store/authorization-request.js'
import type { Client } from '../store/client.js'
import { storedSize } from '../store/record-size.js'
import type { ResponseTarget } from './authorization-response.js'
import { type LoginHints, loginHints } from './login-hints.js'
import { readAuthorizationRequest } from './read-authorization-request.js'

/** The longest `state`, in characters: it is kept until the person is back from the login. */
const longestState = 2048
/** The most that a client can make us keep meanwhile, in bytes of JSON; with what is ours the record has 4 KB at most. */
const longestRequest = 3072

/** An authorization request that may be asked about, and the client that sent it. */
export interface CheckedAuthorization {
  readonly kind: 'checked'
  readonly client: Client
  readonly authorization: AuthorizationRequest
  /** For the login alone, so that they are neither stored nor part of what the person agrees to. */
  readonly hints: LoginHints
}

/** What the client is to be told about its faulty request, at a redirect URI that is its own. */
export interface AuthorizationFault {
  readonly kind: 'faulty'
  readonly client: Client
  readonly target: ResponseTarget
  readonly outcome: { readonly error: string; readonly error_description: string }
}

/**
 * Checks an authorization request. What is wrong with the client, the redirect URI or the state is told to the person, the
 * rest to the client.
 *
 * @returns for a faulty one what is wrong; whether the client may be sent there now is for the caller to say
 * @throws {Refusal} for what must not, or cannot, be told at the redirect URI
 */
export async function checkAuthorization(
  server: Server,
  query: Parameters,
  context: Context,
): Promise<CheckedAuthorization | AuthorizationFault> {
  const { client, redirectUri } = await findClient(server, query, context)
  const state = query.get('state')
  if (state !== undefined && state.length > longestState) {
    throw new Refusal(
      400,
      'invalid_request',
      `The application sent a state of more than ${longestState} characters, which is too long.`,
    )
  }
  if (storedSize([client.clientId, redirectUri, state]) > longestRequest) {
    throw new Refusal(
      400,
      'invalid_request',
      `The application sent a client_id, redirect_uri and state of more than ${longestRequest} bytes together, which is too long.`,
    )
  }
  try {
    const authorization = readAuthorizationRequest(server, client, redirectUri, query)
    return { kind: 'checked', client, authorization, hints: loginHints(query) }
  } catch (error) {
    if (!isRefusal(error)) throw error
    // A repeated state is not echoed: which of them would it be?
    const target = { redirectUri, state: query.repeated.has('state') ? undefined : state }
    const outcome = { error: String(error.code), error_description: error.description }
    return { kind: 'faulty', client, target, outcome }
  }
}

/**
 * Whether the client may be answered at this redirect URI: it registered it, and the operator accepts it still.
 *
 * @throws {Refusal} for the person: a redirect URI may be someone else's
 */
export function checkRedirectUri({ settings }: Server, { source, metadata }: Client, redirectUri: string): void {
  if (!isRegisteredRedirectUri(metadata.redirect_uris, redirectUri)) {
    throw new Refusal(
      400,
      'invalid_request',
      'The application asked to be answered at a redirect_uri that it did not register.',
    )
  }
  // The policy may have become stricter since the client registered, or since its document was cached.
  if (source !== 'configured' && redirectUriFault(redirectUri, settings.registration.redirectUris) !== undefined) {
    throw new Refusal(
      400,
      'invalid_request',
      'The application asked to be answered at a redirect_uri that this server accepts no more.',
    )
  }
}

async function findClient(
  server: Server,
  query: Parameters,
  context: Context,
): Promise<{ client: Client; redirectUri: string }> {
  const clientId = query.get('client_id')
  if (!clientId || query.repeated.has('client_id')) {
    throw new Refusal(400, 'invalid_request', 'The application sent no client_id, or more than one.')
  }
  const client = await server.clients.find(clientId, context)
  if (!client) {
    throw new Refusal(
      400,
      'invalid_client',
      'This server does not know the application. Its registration may have expired: remove the connection in the application and add it again.',
    )
  }
  if (query.repeated.has('redirect_uri')) {
    throw new Refusal(400, 'invalid_request', 'The application sent more than one redirect_uri.')
  }
  const [only, another] = client.metadata.redirect_uris
  // OAuth 2.1 draft 13 section 4.1.1
  const redirectUri = query.get('redirect_uri') ?? (another === undefined ? only : undefined)
  if (redirectUri === undefined) {
    throw new Refusal(
      400,
      'invalid_request',
      'The application sent no redirect_uri, though it registered several: it must say which one it wants.',
    )
  }
  checkRedirectUri(server, client, redirectUri)
  return { client, redirectUri }
}
