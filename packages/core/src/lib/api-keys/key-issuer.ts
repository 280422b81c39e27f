import type { ApiKeyOwner } from './api-key.js'

/**
 * The issuer that stands for keys, and with it for whose they are, since two issuers may call two persons the same: `apikey` for
 * service accounts, `apikey:` and the issuer for persons.
 */
export function issuerOf(owner: ApiKeyOwner): string {
  return 'serviceAccount' in owner ? 'apikey' : `apikey:${owner.issuer}`
}

/** Whether this issuer stands for keys. */
export function isByKey(issuer: string | undefined): boolean {
  return issuer === 'apikey' || issuer?.startsWith('apikey:') === true
}
