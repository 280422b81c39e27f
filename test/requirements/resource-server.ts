import type { Requirements } from './requirement.js'

/** What a protected MCP server owes its clients. */
export const resourceServer: Requirements = {
  R1: {
    held: true,
    source: 'RFC 9728 sections 3 and 5',
    rule: 'Protected resource metadata is served at the path-inserted address, names an authorization server, and is named in the 401 challenge.',
  },
  R2: {
    held: true,
    source: 'MCP 2026-07-28, authorization: scope selection',
    rule: 'The 401 challenge names the needed scopes, and offline_access is in no challenge and no resource metadata.',
  },
  R3: {
    held: true,
    source: 'MCP 2026-07-28, authorization: token handling; RFC 8707 section 2',
    rule: 'Only tokens issued for this resource are accepted: otherwise 401, and 403 insufficient_scope where only scope is missing.',
  },
  R4: {
    held: true,
    source: 'MCP 2026-07-28, authorization: step-up',
    rule: 'One challenge names all scopes of the operation, and a broader scope satisfies a narrower one.',
  },
  R5: {
    held: true,
    source: 'MCP 2026-07-28, authorization: token requirements; RFC 6750 section 2',
    rule: 'The token is read from the Authorization header of every request and from nowhere else.',
  },
  R6: {
    held: true,
    source: 'RFC 8707 section 2',
    rule: 'A resource is an absolute URI without a fragment, and is compared without regard to the case of scheme and host.',
  },
  R7: {
    held: true,
    source: 'MCP 2026-07-28, authorization: error handling',
    rule: 'A malformed authorization request is 400.',
  },
}
