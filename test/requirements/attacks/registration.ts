import type { Requirements } from '../requirement.js'

/** Dynamic registration and its management. */
export const registration: Requirements = {
  'attack 72': {
    held: true,
    source: 'RFC 7591 section 3.1',
    rule: 'Registration takes bounded JSON only, and names that reach into prototypes do nothing.',
  },
  'attack 73': {
    held: true,
    source: 'RFC 7591 section 3.2.2',
    rule: 'Missing, too many or unusable redirect URIs are invalid_redirect_uri.',
  },
  'attack 74': {
    held: true,
    source: 'RFC 7591 section 3.2.1',
    rule: 'What the server assigns cannot be chosen by the client.',
  },
  'attack 75': {
    held: true,
    source: 'RFC 7591 section 2',
    rule: 'Keys are given in one way only, public only, and from a public address only.',
  },
  'attack 76': {
    held: true,
    source: 'RFC 7591 section 5',
    rule: 'Names and logos of clients are escaped or refused, and are never fetched.',
  },
  'attack 77': {
    held: true,
    source: 'RFC 7591 section 5',
    rule: 'A self-chosen name is shown as unverified, beside the redirect host.',
  },
  'attack 78': {
    held: true,
    source: 'RFC 7591 section 5',
    rule: 'A flood of registrations is 429 with Retry-After, counted by the trusted address.',
  },
  'attack 79': {
    held: true,
    source: 'RFC 7591 section 5',
    rule: 'Registrations that nobody used vanish, and used ones stay.',
  },
  'attack 80': {
    held: true,
    source: 'RFC 7592 section 2.1',
    rule: 'A registration is read only with its own token, and another token learns nothing.',
  },
  'attack 81': {
    held: true,
    source: 'RFC 7592 section 2.2',
    rule: 'An update names its client, resets what it leaves out, and cannot set what the server assigns.',
  },
  'attack 82': {
    held: true,
    source: 'RFC 7592 section 2.2',
    rule: 'An update rotates the registration token, and of two at once one wins.',
  },
  'attack 83': {
    held: true,
    source: 'RFC 7592 section 2.2',
    rule: 'An update takes effect at once, also on codes that are under way.',
  },
  'attack 84': {
    held: true,
    source: 'RFC 7592 section 2.3',
    rule: 'A deleted client is gone with its grants and tokens.',
  },
  'attack 85': {
    held: true,
    source: 'RFC 7592 section 2',
    rule: 'Clients that were not registered dynamically cannot be managed.',
  },
  'attack 86': {
    held: true,
    source: 'RFC 7591 section 2.3',
    rule: 'A software statement is verified, approved, and stronger than the request, or it is refused.',
  },
}
