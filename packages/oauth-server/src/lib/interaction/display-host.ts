import { outOfBand } from '../client-metadata/out-of-band.js'

/** Where an answer goes, in words for a person: the host of a redirect URI, or the whole URI of a private-use scheme. */
export function displayHost(uri: string): string {
  if (uri === outOfBand) return 'an application that you give a code to'
  return /^https?:\/\/([^/?#]+)/.exec(uri)?.[1] ?? `an application on this device (${uri})`
}
