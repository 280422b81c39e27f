import type { Requirements } from '../requirement.js'

/** Discovery and metadata. */
export const discovery: Requirements = {
  'attack 1': {
    held: true,
    source: 'RFC 8414 section 3.3',
    rule: 'Authorization server metadata carries the issuer byte for byte as configured, without an added slash.',
  },
  'attack 2': {
    held: true,
    source: 'RFC 8414 section 3.1; OpenID Connect Discovery section 4',
    rule: 'An issuer with a path is described under every well-known form, always with the same issuer.',
  },
  'attack 3': {
    held: true,
    source: 'RFC 8615 section 3',
    rule: 'An unknown well-known path is a 404 in JSON, never a page and never a server error.',
  },
  'attack 4': {
    held: true,
    source: 'RFC 9700 section 4.13',
    rule: 'A forged Host or X-Forwarded-Host changes nothing in the metadata.',
  },
  'attack 5': {
    held: true,
    source: 'RFC 8414 section 2; RFC 9207 section 3',
    rule: 'Metadata advertises S256 alone, code alone, iss, the client document flag and public clients, and has no null member.',
  },
  'attack 6': {
    held: true,
    source: 'RFC 8414 section 2',
    rule: 'Every advertised endpoint exists, and a feature that is off is not mentioned.',
  },
  'attack 7': {
    held: true,
    source: 'RFC 9728 section 3',
    rule: 'Resource metadata is at the path form, with resource and issuer byte for byte as configured.',
  },
  'attack 8': {
    held: true,
    source: 'MCP 2026-07-28, authorization: scope selection',
    rule: 'offline_access is in no resource metadata and no challenge.',
  },
  'attack 9': {
    held: true,
    source: 'RFC 7517 section 4',
    rule: 'The key set holds no private member, keeps retired keys until the last token ends, and can be cached.',
  },
  'attack 10': {
    held: true,
    source: 'RFC 9700 section 4.4',
    rule: 'A token of one tenant is refused by another tenant, even where they share keys.',
  },
}
