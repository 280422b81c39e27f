import type { Requirements } from '../requirement.js'

/** Refresh, revocation, introspection. */
export const refresh: Requirements = {
  'attack 59': {
    held: true,
    source: 'RFC 9700 section 4.14.2',
    rule: 'Refresh tokens rotate, and an old one revokes the family once its successor was used, or after a grace period that was set.',
  },
  'attack 60': {
    held: true,
    source: 'RFC 9700 section 4.14.2',
    rule: 'The same request gets the same response until its successor is used, and only one successor exists.',
  },
  'attack 61': {
    held: true,
    source: 'RFC 9700 section 4.14.2',
    rule: 'A different request with the token before the current one is refused and harms nobody.',
  },
  'attack 62': {
    held: true,
    source: 'RFC 9700 section 4.14.2',
    rule: 'Fifty refreshes at once yield one successor and never the death of the family.',
  },
  'attack 63': {
    held: true,
    source: 'RFC 6749 section 6',
    rule: 'Scope can be narrowed and restored, never widened.',
  },
  'attack 64': {
    held: true,
    source: 'RFC 8707 section 2.2',
    rule: 'A foreign resource is invalid_target, and one that is no longer hosted is invalid_grant.',
  },
  'attack 65': {
    held: true,
    source: 'RFC 6749 section 6',
    rule: 'The refresh token of another client is refused, and is not revoked by the attempt.',
  },
  'attack 66': {
    held: true,
    source: 'RFC 6749 section 6',
    rule: 'Nothing is refreshed after the user, the client or the consent is gone.',
  },
  'attack 67': {
    held: true,
    source: 'RFC 9068 section 4',
    rule: 'An access token is no refresh token, and a refresh token is no access token.',
  },
  'attack 68': {
    held: true,
    source: 'RFC 9700 section 4.14.2',
    rule: 'A refresh token has an absolute end and an idle end.',
  },
  'attack 69': {
    held: true,
    source: 'RFC 6749 section 5.2',
    rule: 'A grant refused upstream ends ours; an outage upstream is 503 and leaves the token usable.',
  },
  'attack 70': {
    held: true,
    source: 'RFC 7009 section 2',
    rule: 'Revocation answers 200 for what it does not know, ignores a wrong hint, ends the family, and cannot be used on others.',
  },
  'attack 71': {
    held: true,
    source: 'RFC 7662 section 2',
    rule: 'Introspection needs an authenticated caller, tells it only about its own tokens, and echoes none.',
  },
}
