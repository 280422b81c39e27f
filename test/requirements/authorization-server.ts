import type { Requirements } from './requirement.js'

/** What the authorization server owes MCP clients. */
export const authorizationServer: Requirements = {
  A1: {
    held: true,
    source: 'OAuth 2.1 draft 13 sections 2 and 4.1; RFC 8252 section 7.3',
    rule: 'Public and confidential clients are served, endpoints are HTTPS or loopback, and redirect URIs match exactly but for a loopback port.',
  },
  A2: {
    held: true,
    source: 'RFC 8414 section 3; OpenID Connect Discovery section 4',
    rule: 'Metadata is served at every address that clients try, with the issuer exactly as configured.',
  },
  A3: {
    held: true,
    source: 'RFC 7636; RFC 8414 section 2',
    rule: 'PKCE with S256 is advertised and mandatory.',
  },
  A4: {
    held: true,
    source: 'RFC 8707 section 2',
    rule: 'A token is bound to the resource that was asked for, and an unknown one is invalid_target.',
  },
  A5: {
    held: true,
    source: 'RFC 9207 section 2',
    rule: 'iss is on success and error redirects, and is advertised.',
  },
  A6: {
    held: true,
    source: 'OAuth 2.1 draft 13 section 4.3',
    rule: 'Access tokens are short-lived, refresh tokens rotate, and the reuse of an old one ends the family.',
  },
  A7: {
    held: true,
    source: 'OAuth Client ID Metadata Document drafts 00 and 02',
    rule: 'A URL client id is resolved by a guarded fetch, must equal the client_id in its document, and its redirect host is shown at consent.',
  },
  A8: {
    held: true,
    source: 'RFC 7591 sections 2 and 3',
    rule: 'Dynamic registration accepts application_type and answers the errors of its RFC.',
  },
  A9: {
    held: true,
    source: 'MCP security best practices: confused deputy',
    rule: 'Consent per client comes before any step towards the identity provider, on a page that cannot be framed or forged.',
  },
  A10: {
    held: true,
    source: 'OAuth 2.1 draft 13 section 3.2.3',
    rule: 'Token responses are JSON and are not stored.',
  },
}
