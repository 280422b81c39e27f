import type { Requirements } from '../requirement.js'

/** Token verification. */
export const verification: Requirements = {
  'attack 120': {
    held: true,
    source: 'RFC 8725 sections 2.1 and 3.1',
    rule: 'Forged algorithms, foreign curves and null signatures are refused.',
  },
  'attack 121': {
    held: true,
    source: 'RFC 8725 section 3.10',
    rule: 'Keys and addresses in the header of a token are ignored, and nothing is fetched for them.',
  },
  'attack 122': {
    held: true,
    source: 'RFC 8725 section 3.10',
    rule: 'A hostile kid is refused without harm.',
  },
  'attack 123': {
    held: true,
    source: 'RFC 9068 section 4; RFC 8725 section 3.11',
    rule: 'Only at+jwt is an access token.',
  },
  'attack 124': {
    held: true,
    source: 'RFC 9068 section 4',
    rule: 'A claim that is missing, past or not yet due is refused, to the second of the tolerance.',
  },
  'attack 125': {
    held: true,
    source: 'RFC 9068 section 4',
    rule: 'The audience must contain this resource exactly.',
  },
  'attack 126': {
    held: true,
    source: 'RFC 9068 section 4',
    rule: 'The issuer is compared as a string.',
  },
  'attack 127': {
    held: true,
    source: 'RFC 9700 section 2.3; MCP security best practices: token passthrough',
    rule: 'No other kind of token is taken for an access token.',
  },
  'attack 128': {
    held: true,
    source: 'RFC 9700 section 4.3.2',
    rule: 'A token in the query or the body is not read.',
  },
  'attack 129': {
    held: true,
    source: 'RFC 6750 section 2.1',
    rule: 'A malformed Authorization header is refused at a bounded cost.',
  },
  'attack 130': {
    held: true,
    source: 'RFC 6750 section 3; RFC 9728 section 5.1',
    rule: 'The challenge is bare without credentials, names the error with bad ones, and is well formed.',
  },
  'attack 131': {
    held: true,
    source: 'RFC 6750 section 3.1',
    rule: 'Missing scope is 403 with all that is needed, and expiry comes before scope.',
  },
  'attack 132': {
    held: true,
    source: 'RFC 7517 section 5',
    rule: 'Unknown keys and a dead key endpoint cost few fetches, and known keys keep working.',
  },
  'attack 133': {
    held: true,
    source: 'RFC 7517 section 5',
    rule: 'A new key is accepted soon, and a removed one is refused after its time.',
  },
  'attack 134': {
    held: true,
    source: 'RFC 7517 section 5',
    rule: 'A hostile key set is bounded, and unusable keys are ignored.',
  },
  'attack 135': {
    held: true,
    source: 'RFC 7009 section 2',
    rule: 'Revocation takes effect within the documented window, and no cache outlives a token.',
  },
  'attack 136': {
    held: true,
    source: 'RFC 8725 section 3.3',
    rule: 'A cached verification covers the whole token.',
  },
  'attack 137': {
    held: true,
    source: 'RFC 9068 section 4',
    rule: 'A cached verification covers the audience.',
  },
  'attack 138': {
    held: true,
    source: 'RFC 9449 section 4.3',
    rule: 'A proof of possession is refused for each part that is wrong, and a bound token is no bearer token.',
  },
}
