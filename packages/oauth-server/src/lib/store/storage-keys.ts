import { sha256 } from '@mcp-gateway/core/internal'

/** What is stored; STORAGE.md describes each. */
export type RecordKind =
  | 'client'
  | 'document'
  | 'state'
  | 'answer'
  | 'counted'
  | 'session'
  | 'consent'
  | 'code'
  | 'token'
  | 'refresh'
  | 'jti'
  | 'limit'
  | 'user_tokens'
  | 'client_tokens'

/**
 * Builds the key of a record from the id or secret that finds it. Neither is in the key: it holds their hash. Only a grant
 * (`refresh`) has its id there, which is public and random.
 */
export type StorageKeys = (kind: RecordKind, id: string) => string | Promise<string>

/** Keys differ by issuer, so that two issuers on one store never read each other's codes or tokens. */
export function createStorageKeys(issuer: string): StorageKeys {
  return (kind, id) => {
    if (kind === 'refresh') return `oauth:refresh:${id}`
    const digest = sha256(`${issuer}\n${id}`)
    return typeof digest === 'string' ? `oauth:${kind}:${digest}` : digest.then((text) => `oauth:${kind}:${text}`)
  }
}
