import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { launchBrowser } from '../../../test/browser.js'
import { authorizePath, pkce } from '../../../test/fixture.js'
import { listen, registerAt } from '../../../test/listen.js'
import type { IdentityProvider } from '../server/identity-provider.js'

describe.runIf(hasBinary('chromium'))('in a real browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())

  test('a person gets back from a provider on another site that posts its answer [form_post]', async () => {
    // `localhost` and 127.0.0.1 are two sites, so no SameSite cookie comes with the post
    const site = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '/', 'http://localhost')
      const [back, state] = [searchParams.get('back'), searchParams.get('state')]
      response.setHeader('Content-Type', 'text/html').end(`<form method="post" action="${back}">
<input name="state" value="${state}"><input name="code" value="a-code"><button>Continue</button></form>`)
    })
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    const answers: string[] = []
    const own: IdentityProvider = {
      name: 'own',
      title: 'the other site',
      postsAnswer: true,
      begin: async ({ callbackUrl, state }) => ({
        redirect: `http://localhost:${(site.address() as AddressInfo).port}/?${new URLSearchParams({ back: callbackUrl, state })}`,
      }),
      complete: async ({ parameters }) => {
        answers.push(`${parameters.get('code')}`)
        return { user: { id: 'alice' } }
      },
    }
    const at = await listen({ identityProvider: own })
    const context = await browser.newContext({ javaScriptEnabled: false })
    try {
      const page = await context.newPage()
      const { issuer, redirectUri, resource } = at
      const path = authorizePath(await registerAt(at), pkce().challenge, { redirect_uri: redirectUri, resource })
      await page.goto(issuer + path)
      await page.getByRole('button', { name: 'Allow' }).click()
      await page.getByRole('button', { name: 'Continue' }).click()
      await page.waitForURL(/\/client\/callback\?code=/)
      expect(answers).toEqual(['a-code'])
    } finally {
      await context.close()
      await at.close()
      site.close().closeAllConnections()
    }
  })
})
