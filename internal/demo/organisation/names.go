package organisation

import "strings"

// Given and family names from where such a company's people come from. Several
// are written with accents, blanks and hyphens, because names are.
var firstNames = strings.Split("Aaliyah,Abena,Adriana,Agnieszka,Aisha,Alejandro,Alice,Amara,Amelia,Ana,Anders,Andrzej,Anneke,Anouk,Antoine,Arjun,"+
	"Astrid,Aurélie,Ayumi,Bartosz,Beatriz,Benjamin,Birgit,Bruno,Camille,Carlos,Catarina,Chidi,Chiara,Claire,Daan,Daniel,"+
	"David,Deepak,Diego,Dorota,Eamon,Ebba,Élodie,Elena,Emeka,Emma,Enrico,Ewa,Fatima,Felix,Fiona,Francesca,Frida,Gabriel,"+
	"George,Grace,Grzegorz,Hanna,Haruki,Helena,Hugo,Ibrahim,Ingrid,Inês,Isabel,Ivan,Jakub,Jan,Jasper,João,Joanna,Johanna,"+
	"Jonas,José,Joseph,Jürgen,Kamala,Karolina,Katarzyna,Kavita,Kenji,Kofi,Kwame,Lakshmi,Lars,Laura,Leah,Leila,Liam,Linnea,"+
	"Lucas,Lucía,Magda,Malin,Marcin,Margot,María,Marta,Matteo,Mbali,Mehmet,Mei,Michał,Miguel,Mirja,Mohammed,Nadia,Naledi,"+
	"Neha,Niamh,Nikhil,Nils,Nuno,Nia,Obinna,Oliver,Olivia,Omar,Oskar,Paolo,Patrícia,Paul,Pedro,Petra,Pooja,Priya,Rafael,"+
	"Rajesh,Rania,Renée,Ricardo,Robin,Rohan,Rosa,Ruth,Sakura,Samuel,Sanjay,Sara,Selma,Siddharth,Sigrid,Simone,Sofia,Søren,"+
	"Sophie,Stefan,Sunita,Susana,Tadeusz,Tariq,Teresa,Thandi,Théo,Thomas,Tiago,Tomasz,Ursula,Valentina,Vasco,Vera,Victor,"+
	"Vikram,Wanjiru,Wojciech,Yasmin,Yuki,Yusuf,Zainab,Zoë,Zofia", ",")

var lastNames = strings.Split("Abara,Adeyemi,Almeida,Andersson,Antunes,Asante,Baker,Banerjee,Barbosa,Bauer,Becker,Bello,Berg,Bernard,Bianchi,Boateng,"+
	"Brandt,Brito,Byrne,Cardoso,Carvalho,Castro,Chaudhary,Chen,Clarke,Conti,Costa,Coleman,Cruz,Da Silva,Das,De Luca,De Vries,"+
	"Desai,Diallo,Dias,Diop,Dubois,Duarte,Dupont,Dziedzic,Eriksen,Esposito,Evans,Faria,Fernandes,Ferrari,Ferreira,Fischer,"+
	"Fleming,Fonseca,Fontaine,Garcia,Gashi,Gomes,Górski,Gupta,Haddad,Hansen,Hartmann,Hassan,Hughes,Ibekwe,Iyer,Jain,"+
	"Jankowski,Jensen,Johansson,Jones,Joshi,Kamau,Kapoor,Kaczmarek,Keller,Kelly,Khan,Kimani,Kowalczyk,Kowalska,Krishnan,"+
	"Kruger,Lambert,Larsen,Lefèvre,Lewandowski,Li,Lind,Lopes,López,Lund,Machado,Mahlangu,Marino,Marques,Martin,Martins,"+
	"Mazur,McKenna,Mehta,Meier,Mensah,Mendes,Meyer,Mishra,Molina,Moreau,Moreira,Morel,Müller,Murphy,Mwangi,Nair,Ndiaye,"+
	"Neumann,Nguyen,Nkosi,Nowak,Nunes,Obi,Okafor,Okonkwo,Olsen,Osei,Otieno,Owusu,Palmer,Patel,Pawlak,Pereira,Perrin,Petit,"+
	"Pinto,Piotrowski,Popescu,Price,Rahman,Ramos,Rao,Reddy,Ribeiro,Ricci,Rocha,Romano,Rossi,Roux,Roy,Saito,Santos,Sato,"+
	"Schmidt,Schneider,Shah,Sharma,Silva,Simões,Singh,Smith,Soares,Sousa,Stone,Suzuki,Szymański,Tanaka,Tavares,Taylor,"+
	"Teixeira,Thapa,Thomsen,Traoré,Turner,Van den Berg,Van Dijk,Vaz,Verma,Vieira,Wagner,Walker,Wang,Weber,Weiß,Wiśniewska,"+
	"Wójcik,Wood,Yadav,Yamamoto,Yılmaz,Zając,Zhang,Zieliński,Zimmermann", ",")
