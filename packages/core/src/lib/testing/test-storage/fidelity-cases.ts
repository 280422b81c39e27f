import { expectSame } from './expect.js'
import type { StorageCases } from './subject.js'

const forever = { ttl: null }

/** Texts that some store or driver is known to change, merge or refuse. */
const hostile = [
  '',
  ' ',
  '12345',
  '-0',
  'true',
  'null',
  '"quoted"',
  '{"__proto__":{"a":1}}',
  '__proto__',
  'constructor',
  'https://a.example/x?tenant=1',
  'https://a.example/x?tenant=2',
  'https://a.example:x',
  'https://a.example/x/',
  'a/b',
  'a:b',
  'a\\b',
  'a::b',
  '../../etc/passwd',
  'a%2Fb',
  'A/B',
  'a$b.json',
  '*?[a-z]{tag}',
  '%_',
  "'; DROP TABLE mcp_gateway; --",
  'tab\tline\r\nend ',
  'nul\0byte',
  '\x10e',
  '\x100',
  '\x10.\x10,',
  '\x7f\x80\xa0',
  '\ufeffmark',
  'é',
  'e\u0301',
  'ﬁ',
  'ſ',
  'İi',
  '日本語',
  '👩‍👩‍👧‍👦',
  '\ud800',
  'x\udfff',
  '\udc00\ud800',
  '\ufffd',
]

/** Keys and values come back as they went in. */
export const fidelityCases: StorageCases = {
  'fidelity: hostile texts as keys stay apart, and come back from lists': async ({ storage, name }) => {
    const list = name('list')
    const keys = hostile.map(name)
    for (const key of keys) expectSame(await storage.add(key, key, { ttl: 600, lists: [list] }), true, `add of ${key}`)
    for (const key of keys) expectSame((await storage.get(key))?.value, key, 'get')
    const listed: string[] = []
    let cursor: string | undefined
    do {
      const page = await storage.list(list, { cursor, limit: 10 })
      listed.push(...page.keys)
      cursor = page.cursor
    } while (cursor !== undefined)
    expectSame(listed.sort(), [...keys].sort(), 'the list')
    for (const key of keys) expectSame(await storage.take(key), key, 'take')
  },

  'fidelity: hostile texts as names of lists stay apart': async ({ storage, name }) => {
    const names = hostile.map(name)
    await storage.set(name('all'), '', { ttl: null, lists: names })
    for (const [index, list] of names.entries()) await storage.set(name(`${index}`), '', { ttl: null, lists: [list] })
    for (const [index, list] of names.entries()) {
      expectSame((await storage.list(list)).keys.toSorted(), [name('all'), name(`${index}`)].sort(), `list ${list}`)
    }
    await storage.delete(name('all'))
    for (const [index, list] of names.entries()) {
      expectSame(await storage.list(list), { keys: [name(`${index}`)] }, `list ${list} after the delete`)
    }
  },

  'fidelity: hostile texts as values come back from get and take': async ({ storage, name }) => {
    const key = name('key')
    for (const value of hostile) {
      await storage.set(key, value, forever)
      expectSame((await storage.get(key))?.value, value, 'get')
      await storage.compareAndSet(key, (await storage.get(key))?.version, `${value}${value}`, forever)
      expectSame(await storage.take(key), `${value}${value}`, 'take')
    }
  },

  'fidelity: keys of 1 kB that differ at their end stay apart, and values of 200 kB come back': async (subject) => {
    const { storage, name } = subject
    const list = name('list')
    const value = 'value é😀\0 '.repeat(20_000)
    const fill = (character: string, end: string) => {
      const room = 1024 - new TextEncoder().encode(`${name('')}${end}`).length
      return name(character.repeat(room / new TextEncoder().encode(character).length) + end)
    }
    const keys = ['k', 'é', '\0', '日'].flatMap((character) => [fill(character, '1'), fill(character, '2')])
    for (const key of keys) await storage.set(key, key, { ttl: 600, lists: [list, key] })
    for (const key of keys) {
      expectSame((await storage.get(key))?.value, key, 'get')
      expectSame(await storage.list(key), { keys: [key] }, 'the list with a name of 1 kB')
    }
    expectSame((await storage.list(list)).keys.toSorted(), keys.toSorted(), 'the list')
    await storage.set(name('large'), value, forever)
    expectSame((await storage.take(name('large'))) === value, true, 'whether 200 kB came back')
  },

  'fidelity: any keys and values come back (fuzz)': async ({ storage, name }) => {
    const fc = await import('fast-check').catch((cause: unknown) => {
      throw new Error('This case needs fast-check: add it to your development dependencies', { cause })
    })
    const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.webUrl({ withQueryParameters: true, withFragments: true }).filter((url) => url.length < 300),
      units.map((codes) => String.fromCharCode(...codes)),
      fc.json({ maxDepth: 2 }),
    )
    const key = text.filter((candidate) => new TextEncoder().encode(name(candidate)).length <= 1024)
    const records = fc.uniqueArray(fc.tuple(key, text), { selector: ([unique]) => unique, maxLength: 12 })
    let runs = 0
    const property = fc.asyncProperty(records, async (pairs) => {
      const run = `${runs++} `
      const list = name(`list ${run}`)
      await Promise.all(pairs.map(([key, value]) => storage.set(name(run + key), value, { ttl: 600, lists: [list] })))
      for (const [key, value] of pairs) expectSame((await storage.get(name(run + key)))?.value, value, 'get')
      const expected = pairs.map(([key]) => name(run + key))
      expectSame((await storage.list(list)).keys.toSorted(), expected.sort(), 'the list')
      const taken = await Promise.all(pairs.map(([key]) => storage.take(name(run + key))))
      expectSame(
        taken,
        pairs.map(([, value]) => value),
        'what was taken',
      )
    })
    await fc.assert(property, { numRuns: 30 })
  },
}
