import { expect, test } from 'vitest'
import { issuerMetadataPaths } from './issuer-metadata-paths.js'

test('metadata is where RFC 8414 section 3.1 and OpenID Connect Discovery section 4 put it, or in between', () => {
  const forms = [
    '/.well-known/oauth-authorization-server/t1',
    '/t1/.well-known/openid-configuration',
    '/.well-known/openid-configuration/t1',
    '/t1/.well-known/oauth-authorization-server',
  ]
  expect(issuerMetadataPaths('/t1')).toEqual(forms)
  expect(issuerMetadataPaths('/t1/')).toEqual(forms)
  for (const none of ['', '/']) {
    expect(new Set(issuerMetadataPaths(none))).toEqual(
      new Set(['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']),
    )
  }
})
