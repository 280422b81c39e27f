import type { Requirements } from '../requirement.js'

/** Extended grants. */
export const grants: Requirements = {
  'attack 161': {
    held: false,
    source: 'Identity Assertion Authorization Grant draft 04 section 5',
    rule: 'An identity assertion is refused for each part that is wrong, used once, and gives no refresh token.',
  },
  'attack 162': {
    held: false,
    source: 'Identity Assertion Authorization Grant draft 04 section 5',
    rule: 'A client that is not authenticated cannot use an identity assertion.',
  },
  'attack 163': {
    held: false,
    source: 'RFC 8725 section 3.10',
    rule: 'The keys for an identity assertion come from configuration.',
  },
  'attack 164': {
    held: false,
    source: 'RFC 8693 section 2',
    rule: 'Token exchange gives nothing broader, longer or for others.',
  },
  'attack 165': {
    held: false,
    source: 'RFC 6749 section 4.4',
    rule: 'Client credentials give no user and no refresh token, and only configured scopes.',
  },
  'attack 166': {
    held: false,
    source: 'RFC 9126 section 2',
    rule: 'A pushed request is used once, in time, by its own client, and alone.',
  },
  'attack 167': {
    held: false,
    source: 'OpenID Connect Back-Channel Logout section 2',
    rule: 'Logout notices are signed, bounded and sent to checked addresses.',
  },
  'attack 168': {
    held: false,
    source: 'RFC 9700 section 4.14.2',
    rule: 'What restoring a backup means for revoked grants is documented.',
  },
}
