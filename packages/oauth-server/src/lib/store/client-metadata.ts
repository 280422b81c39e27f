import type { JSONWebKeySet } from 'jose'

/** Client metadata (RFC 7591 section 2), by its names on the wire. */
export interface ClientMetadata {
  redirect_uris: string[]
  client_name?: string
  client_uri?: string
  logo_uri?: string
  tos_uri?: string
  policy_uri?: string
  contacts?: string[]
  scope?: string
  grant_types: string[]
  response_types: string[]
  token_endpoint_auth_method: string
  /** Public keys for `private_key_jwt`. */
  jwks?: JSONWebKeySet
  jwks_uri?: string
  application_type?: string
  software_id?: string
  software_version?: string
}
