// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {AssetRegistry} from "../../contracts/assets/AssetRegistry.sol";
import {Directory} from "../../contracts/governance/Directory.sol";
import {RegistryAuthority} from "../../contracts/governance/RegistryAuthority.sol";
import {AssetInfo, AssetState, DerivativeTerms} from "../../contracts/interfaces/IAssets.sol";
import {IAssetRegistry, Publication} from "../../contracts/interfaces/IAssetRegistry.sol";
import {ILicences, LicenceKind, LicenceTerms} from "../../contracts/interfaces/ILicences.sol";
import {Parent} from "../../contracts/interfaces/ILineage.sol";
import {Order} from "../../contracts/interfaces/IMarketplace.sol";
import {LeafLib} from "../../contracts/libraries/LeafLib.sol";
import {Marketplace} from "../../contracts/market/Marketplace.sol";
import {Lineage} from "../../contracts/revenue/Lineage.sol";

/// @dev The few cheat codes that are used; forge knows them at this address.
interface Vm {
    function prank(address sender) external;
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title CollectionsHandler: what can happen to a collection of four items, each in bounds, none of which may revert.
/// @dev It is the DAO, too.
contract CollectionsHandler {
    uint256 private constant PEOPLE = 3;
    uint256 private constant COLLECTION = 1;
    uint256 public constant ITEMS = 4;
    uint32 public constant CAP = 7;

    RegistryAuthority private immutable _authority = new RegistryAuthority(address(this));
    AssetRegistry public immutable registry = new AssetRegistry(
        address(_authority), new Directory(address(_authority)), new Lineage(), address(0x7EA5), 250
    );

    Marketplace private immutable _market = new Marketplace(registry);

    uint256 public sold;
    uint256 public minted;
    mapping(uint256 item => mapping(address account => bool)) public holds;
    /// @notice Of an item that is minted, who owns it.
    mapping(uint256 item => address) public owners;

    constructor() {
        registry.setSeller(address(_market), true);
        LicenceTerms[] memory licences = new LicenceTerms[](1);
        licences[0].kind = LicenceKind.Hold;
        licences[0].cap = CAP;
        Publication memory publication =
            Publication("list", address(0), DerivativeTerms(false, 0), new Parent[](0), 0, licences);
        VM.prank(person(0));
        registry.publishCollection(person(0), publication, _node(_pair(0), _pair(2)), uint32(ITEMS));
    }

    function person(uint256 index) public pure returns (address) {
        return address(uint160(0x1000 + index % PEOPLE));
    }

    function people() external pure returns (uint256) {
        return PEOPLE;
    }

    /// @notice An item, or the collection itself behind them.
    function idOf(uint256 index) public pure returns (uint256) {
        index %= ITEMS + 1;
        return index == ITEMS ? COLLECTION : (1 << 62) | (COLLECTION << 32) | index;
    }

    function ownerOf(uint256 index) public view returns (address) {
        address owner = owners[idOf(index)];
        return owner == address(0) ? registry.ownerOf(COLLECTION) : owner;
    }

    function isForSale(uint256 index) public view returns (bool) {
        AssetInfo memory info = registry.assetInfo(idOf(index));
        return info.state == AssetState.Active && !info.delisted;
    }

    /* WHAT HAPPENS */

    function sell(uint8 index, uint8 who) external {
        (uint256 id, address buyer) = (idOf(index), person(who));
        bool refused = holds[id][buyer] || sold == CAP || !isForSale(index);
        try _market.buyAccess(Order(id, 0, buyer, 1, 0, 0)) {
            assert(!refused);
            holds[id][buyer] = true;
            ++sold;
        } catch {
            assert(refused);
        }
    }

    function mint(uint8 index) external {
        uint256 id = idOf(index);
        if (id == COLLECTION || owners[id] != address(0)) return;
        uint256 place = uint32(id);
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (_leaf(place ^ 1), _pair(2 - (place & 2)));
        address owner = registry.ownerOf(COLLECTION);
        registry.mintItem(id, _digest(place), proof);
        owners[id] = owner;
        ++minted;
    }

    /// @dev Neither the document of another place nor one that the collection does not list.
    function forge(uint8 index, bytes32 digest, bool ofAnother) external {
        uint256 id = idOf(index);
        if (id == COLLECTION || owners[id] != address(0)) return;
        uint256 place = uint32(id);
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (_leaf(place ^ 1), _pair(2 - (place & 2)));
        if (ofAnother) digest = _digest(place ^ 1);
        if (digest == _digest(place)) return;
        try registry.mintItem(id, digest, proof) {
            assert(false);
        } catch (bytes memory reason) {
            assert(bytes4(reason) == IAssetRegistry.InvalidItemProof.selector);
        }
    }

    /// @dev A gift of one item would eat the cap of all.
    function give(uint8 index, uint8 who) external {
        (uint256 id, address owner) = (idOf(index), ownerOf(index));
        if (id == COLLECTION || owners[id] == address(0) || !isForSale(index)) return;
        VM.prank(owner);
        try registry.grant(id, 0, person(who), 1, false) {
            assert(false);
        } catch (bytes memory reason) {
            assert(bytes4(reason) == ILicences.CapOfCollection.selector);
        }
    }

    function move(uint8 index, uint8 to) external {
        (uint256 id, address owner) = (idOf(index), ownerOf(index));
        if (id != COLLECTION && owners[id] == address(0)) return;
        VM.prank(owner);
        registry.transferFrom(owner, person(to), id);
        if (id != COLLECTION) owners[id] = person(to);
    }

    function setDelisted(uint8 index, bool delisted) external {
        registry.setDelisted(idOf(index), delisted);
    }

    /// @dev Of an item alone: of its collection it could be undone by nobody here.
    function setState(uint8 index, bool suspended) external {
        (uint256 id, address owner) = (idOf(index), ownerOf(index));
        if (id == COLLECTION || owners[id] == address(0)) return;
        VM.prank(owner);
        // Refused where it is so already.
        try registry.setState(id, suspended ? AssetState.Suspended : AssetState.Active) {} catch {}
    }

    /* THE TREE */

    function _digest(uint256 place) private pure returns (bytes32) {
        return keccak256(abi.encode("document", place));
    }

    function _leaf(uint256 place) private pure returns (bytes32) {
        return LeafLib.leaf(abi.encode(place, _digest(place)));
    }

    function _pair(uint256 place) private pure returns (bytes32) {
        return _node(_leaf(place), _leaf(place + 1));
    }

    function _node(bytes32 one, bytes32 other) private pure returns (bytes32) {
        return Hashes.commutativeKeccak256(one, other);
    }
}

/// @title CollectionsInvariants: what no order of sales, mints and transfers can break.
contract CollectionsInvariants {
    CollectionsHandler private _handler;

    function setUp() external {
        _handler = new CollectionsHandler();
    }

    /// @notice Only the handler is called.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @notice Who bought has access, and nobody else: whoever minted, owns, delists or suspends what.
    function invariant_accessIsWhatWasBought() external view {
        for (uint256 i = 0; i <= _handler.ITEMS(); ++i) {
            uint256 id = _handler.idOf(i);
            for (uint256 j = 0; j < _handler.people(); ++j) {
                address account = _handler.person(j);
                assert(_handler.registry().hasAccess(id, account) == _handler.holds(id, account));
            }
        }
    }

    /// @notice The collection and all its items are sold within one cap.
    function invariant_itemsAreSoldWithinOneCap() external view {
        uint256 issued = _handler.registry().licenceOf(1, 0).issued;
        assert(issued == _handler.sold() && issued <= _handler.CAP());
    }

    /// @notice An item is its collection's until it is minted, and then its owner's; each owner has as many as are theirs.
    function invariant_eachItemHasOneOwner() external view {
        AssetRegistry registry = _handler.registry();
        uint256 balances;
        for (uint256 i = 0; i < _handler.people(); ++i) {
            balances += registry.balanceOf(_handler.person(i));
        }
        assert(balances == 1 + _handler.minted());
        for (uint256 i = 0; i < _handler.ITEMS(); ++i) {
            uint256 id = _handler.idOf(i);
            bool minted = _handler.owners(id) != address(0);
            assert(registry.assetInfo(id).owner == _handler.ownerOf(i));
            try registry.ownerOf(id) returns (address owner) {
                assert(minted && owner == _handler.ownerOf(i));
            } catch {
                assert(!minted);
            }
        }
    }

    /// @notice What is delisted or suspended of a collection is so of all its items.
    function invariant_noItemIsForSaleWhereItsCollectionIsNot() external view {
        if (_handler.isForSale(_handler.ITEMS())) return;
        for (uint256 i = 0; i < _handler.ITEMS(); ++i) {
            assert(!_handler.isForSale(i));
        }
    }
}
