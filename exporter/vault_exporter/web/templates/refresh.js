(()=>{
const every=document.documentElement.dataset.refresh*1000;
let paused=false;
const button=document.getElementById("pause");
button.hidden=false;
button.addEventListener("click",()=>{paused=!paused;button.textContent=paused?"Go on refreshing":"Pause refreshing";});
const open=()=>[...document.querySelectorAll("details[open]")].map(one=>one.id);
async function look(){
if(paused||document.hidden)return;
try{
const answer=await fetch(location.href,{cache:"no-store"});
if(!answer.ok)throw new Error(answer.status);
const next=new DOMParser().parseFromString(await answer.text(),"text/html");
const main=document.querySelector("main"),fresh=next.querySelector("main");
if(paused||!fresh||main.contains(document.activeElement)&&document.activeElement!==main||String(getSelection()))return;
open().forEach(id=>{const one=fresh.querySelector("#"+CSS.escape(id));if(one)one.open=true;});
main.replaceChildren(...fresh.childNodes);
document.title=next.title;
document.getElementById("lost").hidden=true;
}catch{document.getElementById("lost").hidden=false;}
}
setInterval(look,every);
})();
