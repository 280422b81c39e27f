import type { RejectedRedirectUri } from '../client-metadata/accepted-metadata.js'
import { jsonResponse } from '../http/json-response.js'
import type { Server } from '../server/server.js'
import type { Client } from '../store/client.js'

/** What only the answer knows: the store has hashes. */
export interface RegistrationSecrets {
  readonly clientSecret?: string
  /** The token that manages the registration from now on. */
  readonly registrationToken: string
  readonly rejected?: readonly RejectedRedirectUri[]
}

/** The client information response (RFC 7591 section 3.2.1, RFC 7592 section 3). */
export function registrationResponse(
  { settings }: Server,
  client: Client,
  { clientSecret, registrationToken, rejected = [] }: RegistrationSecrets,
  status: number,
): Response {
  return jsonResponse(
    {
      client_id: client.clientId,
      client_id_issued_at: client.issuedAt,
      // RFC 7591 section 3.2.1: 0 means that the secret itself does not expire
      ...(clientSecret !== undefined && { client_secret: clientSecret }),
      ...(client.secretHash !== undefined && { client_secret_expires_at: 0 }),
      registration_access_token: registrationToken,
      registration_client_uri: `${settings.issuer}/register/${client.clientId}`,
      ...client.metadata,
      ...(rejected.length > 0 && { rejected_redirect_uris: rejected }),
    },
    status,
  )
}
