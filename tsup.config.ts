import { readdirSync } from 'node:fs'
import { defineConfig } from 'tsup'

// Every file of `src` outside `lib` is one import path of the package; declarations come from `tsc`.
const entries = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts') && !file.includes('.test') && !file.startsWith('lib/'))

export default defineConfig({
  entry: entries.map((file) => `src/${file}`),
  format: 'esm',
  target: 'es2023',
  platform: 'neutral',
  external: [/^node:/],
  splitting: true,
  sourcemap: true,
  clean: true,
  silent: true,
})
