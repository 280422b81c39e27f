import type { Requirements } from '../requirement.js'

/** The authorization endpoint. */
export const authorize: Requirements = {
  'attack 11': {
    held: true,
    source: 'RFC 6749 section 4.1.2.1',
    rule: 'An unknown client gets a 400 page and no redirect.',
  },
  'attack 12': {
    held: true,
    source: 'OAuth 2.1 draft 13 section 4.1.2.1',
    rule: 'A redirect URI that is not registered gets a 400 page and no redirect.',
  },
  'attack 13': {
    held: true,
    source: 'RFC 9700 section 4.1.3',
    rule: 'Prefix, suffix, query, traversal, encoding, case and slash variants of a registered redirect URI are refused.',
  },
  'attack 14': {
    held: true,
    source: 'RFC 3986 section 3',
    rule: 'Redirect URIs that parsers read differently, such as https:evil.com, backslashes, tabs and newlines, are refused.',
  },
  'attack 15': {
    held: true,
    source: 'RFC 8252 section 7.3',
    rule: 'A loopback redirect URI may change its port and nothing else, and other spellings of loopback do not match.',
  },
  'attack 16': {
    held: true,
    source: 'OAuth 2.1 draft 13 section 4.1.1',
    rule: 'A request without a redirect URI is refused where the client registered several, and means the only one otherwise.',
  },
  'attack 17': {
    held: true,
    source: 'RFC 9700 section 4.1.3',
    rule: 'javascript, data, vbscript, file and blob redirect URIs are refused wherever they come in.',
  },
  'attack 18': {
    held: true,
    source: 'RFC 6749 section 4.1.2.1',
    rule: 'A missing or unsupported response_type is told to the client with state and iss: by redirect to one that the operator configured, by the link of a page to any other.',
  },
  'attack 19': {
    held: true,
    source: 'RFC 7636 section 4.4.1',
    rule: 'A request without code_challenge is invalid_request.',
  },
  'attack 20': {
    held: true,
    source: 'RFC 9700 section 2.1.1',
    rule: 'A code_challenge_method that is missing, plain or unknown is invalid_request and never taken for plain.',
  },
  'attack 21': {
    held: true,
    source: 'RFC 7636 section 4.2',
    rule: 'A code_challenge of the wrong length or alphabet is invalid_request.',
  },
  'attack 22': {
    held: true,
    source: 'RFC 6749 section 3.1',
    rule: 'A repeated parameter is refused: for the client and the redirect URI on a page alone, for the others as attack 18 is.',
  },
  'attack 23': {
    held: true,
    source: 'RFC 9101 section 5',
    rule: 'request and request_uri are refused by their own error codes, and nothing is fetched.',
  },
  'attack 24': {
    held: true,
    source: 'RFC 8707 section 2',
    rule: 'A resource that is relative, has a fragment, is unknown or is remote without TLS is invalid_target.',
  },
  'attack 25': {
    held: true,
    source: 'RFC 3986 section 6.2',
    rule: 'A resource that differs in host case or an empty path is accepted and stored in the configured spelling.',
  },
  'attack 26': {
    held: true,
    source: 'RFC 6749 section 3.3',
    rule: 'Unsupported scopes are dropped and the granted ones named; a scope outside the grammar is invalid_scope.',
  },
  'attack 27': {
    held: true,
    source: 'RFC 6749 section 4.1.2.1',
    rule: 'An error at the client keeps registered query parameters, goes only to a checked URI, and its description is inert.',
  },
  'attack 28': {
    held: true,
    source: 'RFC 6749 section 4.1.1',
    rule: 'A long state comes back unchanged or is refused by a documented limit, never cut.',
  },
  'attack 29': {
    held: true,
    source: 'OpenID Connect Core section 3.1.2.6',
    rule: 'prompt=none without what it needs is an error, never an invisible consent, and tells a client that nobody configured not who is signed in.',
  },
  'attack 30': {
    held: true,
    source: 'RFC 6749 section 3.1',
    rule: 'An authorization request by POST is a form and nothing else.',
  },
  'attack 31': {
    held: true,
    source: 'RFC 9700 section 4.12',
    rule: 'A POST with credentials is never answered by 307 or 308.',
  },
  'attack 32': {
    held: true,
    source: 'RFC 9700 section 4.2.4',
    rule: 'Pages whose URL carries secrets send no referrer.',
  },
  'attack 33': {
    held: true,
    source: 'RFC 9207 section 2',
    rule: 'A success redirect has exactly one code, one state and one iss.',
  },
}
