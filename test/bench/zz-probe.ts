import { mkdirSync, writeFileSync, openSync, chownSync } from "node:fs";
import { spawn } from "node:child_process";
import { storePath } from "@cab/core";
import { sandboxCommand } from "../../packages/executor/src/sandbox/command.ts";
import { treePrograms } from "../../packages/executor/src/sandbox/programs.ts";
import { inTemporaryFolder, measure, realised, report, run } from "./support.ts";
const tools = await realised("sandbox");
await inTemporaryFolder("probe", async (folder) => {
  const root = `${folder}/root`;
  await run("cp", ["-a", tools, root]); await run("chmod", ["-R","u+w",root]); await run("chmod", ["755", folder]);
  for (const p of ["proc","dev","tmp","build","cab/store"]) mkdirSync(`${root}/${p}`, {recursive:true});
  const rp = storePath("r","root"); const files = new Map<any,string>([[rp,root]]);
  const inputs = Array.from({length:50},(_,i)=>{const p=storePath("i"+i,"input"); mkdirSync(`${folder}/i${i}`); files.set(p,`${folder}/i${i}`); return p;});
  mkdirSync(`${folder}/s`);mkdirSync(`${folder}/b`); chownSync(`${folder}/s`,30001,30000);chownSync(`${folder}/b`,30001,30000);
  const programs = treePrograms(root,"x86_64-linux");
  const cmd=(n:number,privileged=true)=>sandboxCommand({drv:{name:"t",system:"x86_64-linux",builder:"/usr/bin/true",args:[],env:{},rootfs:rp,sandbox:"cab-sandbox@1",inputDrvs:{},inputSrcs:[],outputs:{out:{_tag:"ContentAddressed"}}},scratch:{storeDir:`${folder}/s`,buildDir:`${folder}/b`},inputs:inputs.slice(0,n),physical:(p:any)=>files.get(p)} as any,programs,{privileged,cores:2,tmpBytes:2**32,memoryBytes:null,openFiles:4096,processes:16384});
  const go=(argv:string[],options:Buffer|null)=>new Promise<void>((res,rej)=>{const c=spawn(argv[0]!,argv.slice(1),{stdio:["ignore","ignore","inherit","pipe","pipe"]}); (c.stdio[4] as any).resume(); (c.stdio[3] as any).on("error",()=>{}); if(options)(c.stdio[3] as any).end(options); c.on("close",(code)=>code===0?res():rej(new Error("code "+code)))});
  const many=(name:string,f:()=>Promise<unknown>)=>({name,run:async()=>{for(let i=0;i<20;i++)await f()}});
  const L=[`${root}/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2`,"--inhibit-cache","--library-path",`${root}/usr/lib/x86_64-linux-gnu`];
  const plain=[...L,`${root}/usr/bin/bwrap`,"--unshare-all","--ro-bind",root,"/","--proc","/proc","--dev","/dev","--tmpfs","/tmp","--","/usr/bin/true"];
  const t=await measure({rounds:6},[
    many("bwrap true",()=>go(plain,null)),
    many("true via loader",()=>go([...L,`${root}/usr/bin/true`],null)),
    many("/bin/true",()=>go(["/bin/true"],null)),
    many("our bwrap, no prlimit, 0",()=>{const c=cmd(0);return go(c.argv.slice(c.argv.findIndex(x=>x.startsWith("--nproc"))+1) as string[],c.options)}),
    many("our command, 0 inputs",()=>{const c=cmd(0);return go([...c.argv],c.options)}),
    many("our command, 20",()=>{const c=cmd(20);return go([...c.argv],c.options)}),
    many("our command, 50",()=>{const c=cmd(50);return go([...c.argv],c.options)}),
  ]);
  report("probe",t,20);
});
