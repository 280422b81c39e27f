import { expect, test } from 'vitest'
import {
  answerOf,
  authorizePath,
  form,
  issuer,
  login,
  pkce,
  redirectUri,
  register,
  setUp,
} from '../../../test/fixture.js'
import { outOfBand } from '../client-metadata/out-of-band.js'

const registration = { privateUseRedirectUris: [outOfBand] }

test('a client that cannot be called back gets its code by hand, where the operator lets it', async () => {
  const setup = setUp({ registration })
  const client = await register(setup, { redirect_uris: [outOfBand] })
  const { verifier, challenge } = pkce()
  const path = authorizePath(client.client_id as string, challenge, { redirect_uri: outOfBand })
  expect(await (await setup.call(path)).text()).toContain('an application that you give a code to')
  const shown = await login(setup, path, { redirectUri: `${issuer}/success` })
  const page = await setup.call(shown.pathname + shown.search)
  expect(page.status).toBe(200)
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(page.headers.get('referrer-policy')).toBe('no-referrer')
  const code = /<code>([\w-]{43})<\/code>/.exec(await page.text())?.[1] ?? ''
  const fields = {
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
    redirect_uri: outOfBand,
    client_id: client.client_id as string,
  }
  expect(await answerOf(await setup.call('/token', form(fields)))).toMatchObject({ status: 200 })
})

test('a refusal, and whatever else an address says, is shown as no code [attack 117]', async () => {
  const setup = setUp({ registration })
  const client = await register(setup, { redirect_uris: [outOfBand] })
  const path = authorizePath(client.client_id as string, pkce().challenge, { redirect_uri: outOfBand })
  const denied = await login(setup, path, { redirectUri: `${issuer}/success`, decision: 'deny' })
  for (const search of [denied.search, '', '?code=<script>alert(1)</script>', '?code=call+0900+123+now']) {
    const page = await setup.call(`/success${search}`)
    expect(page.status).toBe(400)
    expect(await page.text()).not.toMatch(/alert|0900|<code>/)
  }
})

test('elsewhere there is no such page, and no client may ask for it [attack 73]', async () => {
  const setup = setUp()
  expect((await setup.call('/success?code=x')).status).toBe(404)
  const both = await register(setup, { redirect_uris: [outOfBand, redirectUri] })
  expect(both.redirect_uris).toEqual([redirectUri])
  const path = authorizePath(both.client_id as string, pkce().challenge, { redirect_uri: outOfBand })
  expect((await setup.call(path)).status).toBe(400)
})
