import type { Requirements } from '../requirement.js'

/** The token endpoint: parsing and client authentication. */
export const token: Requirements = {
  'attack 44': {
    held: true,
    source: 'RFC 6749 section 3.2',
    rule: 'GET on the token endpoint is 405 with Allow.',
  },
  'attack 45': {
    held: true,
    source: 'RFC 6749 section 3.2',
    rule: 'A body that is not a form is invalid_request, whatever the shape of its content type.',
  },
  'attack 46': {
    held: true,
    source: 'RFC 6749 section 3.2',
    rule: 'A repeated parameter is invalid_request.',
  },
  'attack 47': {
    held: true,
    source: 'RFC 6749 section 2.3.1',
    rule: 'Credentials in the query are refused, and other parameters there are ignored.',
  },
  'attack 48': {
    held: true,
    source: 'RFC 6749 section 2.3',
    rule: 'Two authentication methods at once are invalid_request.',
  },
  'attack 49': {
    held: true,
    source: 'RFC 6749 section 2.3.1; RFC 7617',
    rule: 'Basic credentials are decoded as forms, malformed ones get a Basic challenge, and a different client_id in the body is refused.',
  },
  'attack 50': {
    held: true,
    source: 'RFC 7591 section 2',
    rule: 'A client with a secret is held to the method that it registered, and may use either secret method if it named none.',
  },
  'attack 51': {
    held: true,
    source: 'RFC 6749 section 2.3',
    rule: 'A public client that sends a secret is treated as documented, never as authenticated by it.',
  },
  'attack 52': {
    held: true,
    source: 'RFC 6749 section 10.10',
    rule: 'Secrets are compared in constant time.',
  },
  'attack 53': {
    held: true,
    source: 'RFC 6749 section 5.2',
    rule: 'An unknown client and a wrong secret are the same invalid_client.',
  },
  'attack 54': {
    held: true,
    source: 'RFC 7523 section 3',
    rule: 'A client assertion is refused for each way in which it can be wrong, and its id is used once, also in a race.',
  },
  'attack 55': {
    held: true,
    source: 'RFC 7521 section 4.2',
    rule: 'A failed assertion never falls back to no authentication.',
  },
  'attack 56': {
    held: true,
    source: 'RFC 9110 section 15.5.14',
    rule: 'Oversized bodies, floods of parameters and slow bodies end in a bounded time with an error.',
  },
  'attack 57': {
    held: true,
    source: 'RFC 6749 section 5.2',
    rule: 'An unknown grant is unsupported_grant_type, and one that is not registered is unauthorized_client.',
  },
  'attack 58': {
    held: true,
    source: 'RFC 6749 section 5.1',
    rule: 'A success is not stored, and names type, lifetime and scope.',
  },
}
