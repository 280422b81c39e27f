import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Consumer, createConsumer } from './consumer.js'

const root = join(import.meta.dirname, '../..')
let consumer: Consumer

beforeAll(async () => {
  consumer = await createConsumer()
}, 180_000)

afterAll(() => consumer?.remove())

/** These say that they need a package which only who imports them has to install. */
const needsPeer = ['/testing', '/policy/cedar', '/prometheus']

/** Every import path that a package publishes. */
function specifiers(): string[] {
  return consumer.manifests.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((path) => path !== './package.json')
      .map((path) => name + path.slice(1)),
  )
}

test('a tarball has code, types, sources, a readme and the licence, and no test and no private file', () => {
  for (const { name, files } of consumer.packed) {
    const paths = files.map(({ path }) => path)
    expect(paths, name).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']))
    expect(
      paths.filter(
        (path) =>
          !/^(LICENSE|[A-Z]+\.md|package\.json|dist\/.+\.(js|d\.ts)(\.map)?|src\/.+\.ts|recipes\/.+)$/.test(path),
      ),
      name,
    ).toEqual([])
    expect(
      paths.filter((path) => /\.test(-d)?\.|fixture/.test(path)),
      name,
    ).toEqual([])
  }
})

test('every import path loads on Node with nothing but the declared dependencies', async () => {
  const paths = specifiers().filter((path) => !needsPeer.some((entry) => path.endsWith(entry)))
  const script = `for (const path of ${JSON.stringify(paths)}) console.log(path, Object.keys(await import(path)).length > 0)`
  const output = await consumer.run(process.execPath, '--input-type=module', '--eval', script)
  expect(output.trim().split('\n')).toEqual(paths.map((path) => `${path} true`))
})

test('the root of core loads jose and nothing else, and no module of Node', async () => {
  const hook = `export async function resolve(specifier, context, next) {
    const { url, format } = await next(specifier, context)
    if (context.parentURL?.includes('/node_modules/')) console.error('loads ' + url)
    return { url, format }
  }`
  const register = `import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}))`
  await writeFile(join(consumer.folder, 'watch.mjs'), register)
  const script = `await import('@mcp-gateway/core')`
  const output = await consumer.run(
    'sh',
    '-c',
    `'${process.execPath}' --import ./watch.mjs --input-type=module --eval "${script}" 2>&1`,
  )
  const loaded = output.match(/(?<=^loads ).*$/gm) ?? []
  expect(loaded.filter((url) => !/\/node_modules\/(@mcp-gateway\/core|jose)\//.test(url))).toEqual([])
  expect(loaded).toContainEqual(expect.stringContaining('/node_modules/jose/'))
})

test.each([
  ['NodeNext', 'NodeNext'],
  ['ESNext', 'Bundler'],
])('the types compile strictly for a consumer with module %s and resolution %s', async (module, moduleResolution) => {
  const code = specifiers().map((path, index) => `import * as entry${index} from '${path}'\nvoid entry${index}\n`)
  await writeFile(join(consumer.folder, 'all.ts'), code.join(''))
  const options = ['--noEmit', '--strict', '--target', 'ES2022', '--skipLibCheck', '--types', 'node']
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const typeRoots = ['--typeRoots', join(root, 'node_modules/@types')]
  const resolution = ['--module', module, '--moduleResolution', moduleResolution]
  await consumer.run(process.execPath, tsc, ...options, ...typeRoots, ...resolution, 'all.ts')
})
