import type { Requirements } from '../requirement.js'

/** Codes and PKCE. */
export const codes: Requirements = {
  'attack 34': {
    held: true,
    source: 'OAuth 2.1 draft 13 section 4.1.3',
    rule: 'A code used a second time is refused, and what its first use gave is revoked.',
  },
  'attack 35': {
    held: true,
    source: 'OAuth 2.1 draft 13 section 4.1.3',
    rule: 'Of fifty exchanges of one code at once exactly one succeeds.',
  },
  'attack 36': {
    held: true,
    source: 'RFC 7636 section 4.6',
    rule: 'A wrong verifier is invalid_grant, and the attempt of another client does not burn the code.',
  },
  'attack 37': {
    held: true,
    source: 'RFC 9700 section 4.8.2',
    rule: 'A verifier that is missing, or that is sent where no challenge was stored, is refused.',
  },
  'attack 38': {
    held: true,
    source: 'RFC 6749 section 4.1.3',
    rule: 'The code of one client is refused to another and stays good for its own.',
  },
  'attack 39': {
    held: true,
    source: 'RFC 6749 section 4.1.3',
    rule: 'A redirect URI that differs from the one of the request is invalid_grant, before the code is consumed.',
  },
  'attack 40': {
    held: true,
    source: 'RFC 6749 section 4.1.2',
    rule: 'A code older than its lifetime is invalid_grant.',
  },
  'attack 41': {
    held: true,
    source: 'RFC 6749 section 10.10',
    rule: 'Codes cannot be guessed, altered or moved to another tenant, and only their hash is stored.',
  },
  'attack 42': {
    held: true,
    source: 'RFC 9700 section 4.5',
    rule: 'A code injected into the flow of another is invalid_grant.',
  },
  'attack 43': {
    held: true,
    source: 'RFC 8707 section 2.2',
    rule: 'A resource outside the grant is invalid_target, and the code is not consumed.',
  },
}
