import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { freePort } from '../../../../../scripts/free-port.mjs'
import { findProgram, startProgram, temporaryFolder } from '../../../../../test/proxies/process.js'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { authorizePath, form, pkce, register, type Setup, setUp } from '../../../test/fixture.js'
import { listen } from '../../../test/listen.js'

/** A browser: it keeps cookies by name, as for one host, and drops those that end. */
function createBrowser(jar = new Map<string, string>()) {
  const header = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const keep = (response: Response) => {
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/expires=thu, 01 jan 1970|max-age=0\b/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }
  return { jar, header, keep }
}
type Browser = ReturnType<typeof createBrowser>

async function open(setup: Setup, browser: Browser, path: string): Promise<string> {
  const page = browser.keep(await setup.call(path, { headers: { cookie: browser.header() } }))
  return /name="transaction" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
}

async function answer(setup: Setup, browser: Browser, transaction: string, decision = 'approve'): Promise<Response> {
  return browser.keep(await setup.call('/consent', form({ transaction, decision }, { cookie: browser.header() })))
}

async function pathOf(setup: Setup): Promise<string> {
  return authorizePath((await register(setup)).client_id as string, pkce().challenge)
}

test('of many open pages the newest can be answered, and the oldest cookies go', async () => {
  const setup = setUp()
  const path = await pathOf(setup)
  const browser = createBrowser()
  const pages: string[] = []
  for (let count = 0; count < 130; count++) {
    setup.clock.advance(1)
    pages.push(await open(setup, browser, path))
    expect(browser.header().length).toBeLessThan(2048)
  }
  expect(browser.jar.size).toBe(20)
  const statuses = async (some: readonly string[]) => {
    const found: number[] = []
    for (const page of some) found.push((await answer(setup, browser, page, 'deny')).status)
    return found
  }
  expect(await statuses(pages.slice(0, 5))).toEqual(Array(5).fill(403))
  expect(await statuses(pages.slice(-15))).toEqual(Array(15).fill(303))
})

test('the oldest is told by its time, not by its place in the header', async () => {
  const setup = setUp()
  const path = await pathOf(setup)
  const browser = createBrowser()
  const pages: string[] = []
  for (let count = 0; count < 20; count++) {
    setup.clock.advance(1)
    pages.push(await open(setup, browser, path))
  }
  const newestFirst = createBrowser(new Map([...browser.jar].reverse()))
  setup.clock.advance(1)
  await open(setup, newestFirst, path)
  expect((await answer(setup, newestFirst, pages[19] as string, 'deny')).status).toBe(303)
  expect((await answer(setup, newestFirst, pages[0] as string, 'deny')).status).toBe(403)
})

test('logins that are under way count too, and the one that is answered now stays for a second click', async () => {
  const setup = setUp()
  const path = await pathOf(setup)
  const browser = createBrowser()
  for (let count = 0; count < 60; count++) {
    setup.clock.advance(1)
    const page = await open(setup, browser, path)
    const first = await answer(setup, browser, page)
    expect(first.headers.get('location')).toContain('/login?state=')
    expect((await answer(setup, browser, page)).status).toBe(303)
    expect(browser.header().length).toBeLessThan(2048)
  }
})

test('a browser that has hundreds already gets rid of them step by step, with answers of a usual size', async () => {
  const setup = setUp()
  const path = await pathOf(setup)
  const browser = createBrowser()
  const lone = async (): Promise<[string, string][]> => {
    const other = createBrowser()
    await open(setup, other, path)
    return [...other.jar]
  }
  for (let count = 0; count < 200; count++) for (const [name, value] of await lone()) browser.jar.set(name, value)
  for (let count = 0; count < 25; count++) {
    setup.clock.advance(1)
    const page = browser.keep(await setup.call(path, { headers: { cookie: browser.header() } }))
    const size = [...page.headers].reduce((sum, [name, value]) => sum + name.length + value.length, 0)
    expect(size).toBeLessThan(4096)
  }
  expect(browser.jar.size).toBe(20)
})

test('cookies of others on the host stay, whatever they are called', async () => {
  const setup = setUp()
  const path = await pathOf(setup)
  const others: [string, string][] = [
    ['app_session', 'x'],
    ['mcp-oauth', 'x'],
    ['mcp-oauth-session', 'x'],
    ['mcp-oauth-short', 'x'],
    ['mcp-oauth-abcdefghijkl', 'x'],
    ['mcp-vault', 'x'],
  ]
  const browser = createBrowser(new Map(others))
  for (let count = 0; count < 50; count++) await open(setup, browser, path)
  for (const [name, value] of others) expect(browser.jar.get(name)).toBe(value)
})

describe('two issuers on one host', () => {
  const host = 'http://127.0.0.1:8787'
  const first = setUp({ issuer: `${host}/one`, resources: [`${host}/everything/mcp`] })
  const second = setUp({ issuer: `${host}/two`, resources: [`${host}/everything/mcp`] })
  const third = setUp({ issuer: 'http://127.0.0.1:9999', resources: [`${host}/everything/mcp`] })

  async function signIn(setup: Setup, browser: Browser, username: string): Promise<void> {
    const page = await open(setup, browser, await pathOf(setup))
    const approved = await answer(setup, browser, page)
    const { searchParams } = new URL(approved.headers.get('location') ?? '')
    const fields = { state: searchParams.get('state') ?? '', username }
    const signedIn = browser.keep(await setup.call('/login', form(fields, { cookie: browser.header() })))
    expect(signedIn.headers.get('location')).toContain('code=')
  }
  const accountAt = async (setup: Setup, browser: Browser) => {
    const page = await setup.call(await pathOf(setup), { headers: { cookie: browser.header() } })
    return /<bdi class="foreign">(alice|bob|carol)<\/bdi>/.exec(await page.text())?.[1]
  }

  test('keep their own sessions, also on one path of two ports', async () => {
    const browser = createBrowser()
    await signIn(first, browser, 'alice')
    await signIn(second, browser, 'bob')
    await signIn(third, browser, 'carol')
    expect(await accountAt(first, browser)).toBe('alice')
    expect(await accountAt(second, browser)).toBe('bob')
    expect(await accountAt(third, browser)).toBe('carol')
  })

  test('take no pages from each other', async () => {
    const browser = createBrowser()
    const page = await open(first, browser, await pathOf(first))
    const path = await pathOf(second)
    for (let count = 0; count < 40; count++) await open(second, browser, path)
    expect((await answer(first, browser, page, 'deny')).status).toBe(303)
  })
})

describe.runIf(hasBinary('nginx'))('behind a real nginx with its defaults', () => {
  test('the site answers after 150 pages in one browser', async () => {
    const at = await listen()
    const port = await freePort()
    const folder = temporaryFolder('nginx')
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder};`)
    const config = `daemon off; master_process off; pid nginx.pid; error_log stderr warn; events {}
http { access_log off; ${paths.join(' ')}
server { listen 127.0.0.1:${port}; location / { proxy_pass ${at.issuer}; proxy_set_header Host 127.0.0.1; } } }`
    writeFileSync(join(folder, 'nginx.conf'), config)
    const args = ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')]
    const nginx = await startProgram(findProgram('nginx') ?? 'nginx', args, { folder, port })
    try {
      const origin = `http://127.0.0.1:${port}`
      const response = await fetch(`${at.issuer}/register`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ redirect_uris: [at.redirectUri], token_endpoint_auth_method: 'none' }),
      })
      const { client_id } = (await response.json()) as { client_id: string }
      const changes = { redirect_uri: at.redirectUri, resource: at.resource }
      const path = authorizePath(client_id, pkce().challenge, changes)
      const browser = createBrowser()
      for (let count = 0; count < 150; count++) {
        const page = browser.keep(await fetch(origin + path, { headers: { cookie: browser.header() } }))
        expect(page.status).toBe(200)
        await page.text()
      }
    } finally {
      await nginx.stop()
      await at.close()
    }
  }, 60_000)
})
