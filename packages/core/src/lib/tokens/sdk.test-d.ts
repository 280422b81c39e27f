// Compiled with everything else: what does not fit the MCP SDK's types in either direction fails the type check.

import type { OAuthTokenVerifier as Verifier1 } from '@modelcontextprotocol/sdk/server/auth/provider.js'
import type { AuthInfo as AuthInfo1 } from '@modelcontextprotocol/sdk/server/auth/types.js'
import type { AuthInfo as AuthInfo2, OAuthTokenVerifier as Verifier2 } from '@modelcontextprotocol/server'
import type { AuthInfo, TokenVerifier } from '../contract/auth-info.js'
import type { SdkVerifier } from './to-sdk-verifier.js'

declare const ours: { auth: AuthInfo; verifier: TokenVerifier; adapted: SdkVerifier }
declare const theirs: { auth1: AuthInfo1; auth2: AuthInfo2; verifier1: Verifier1; verifier2: Verifier2 }

export const outgoing: {
  auth1: AuthInfo1
  auth2: AuthInfo2
  verifier1: Verifier1[]
  verifier2: Verifier2[]
} = {
  auth1: ours.auth,
  auth2: ours.auth,
  verifier1: [ours.verifier, ours.adapted],
  verifier2: [ours.verifier, ours.adapted],
}

export const incoming: { auth: AuthInfo[]; verifiers: TokenVerifier[] } = {
  auth: [theirs.auth1, theirs.auth2],
  verifiers: [theirs.verifier1, theirs.verifier2],
}
